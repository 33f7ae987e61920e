package cloudsvc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
)

// maxHooks is how many durable subscriptions there may be: each costs a
// goroutine and some kilobytes while nothing matches.
const maxHooks = 20_000

var (
	// ErrNoSuchHook says that there is no durable subscription by an id.
	ErrNoSuchHook = errors.New("there is no subscription with this id")
	// ErrTooManyHooks says that there is no room for another one.
	ErrTooManyHooks = fmt.Errorf("there are %d subscriptions already, and room for no more", maxHooks)
)

// windowBytes is what the open windows of all subscriptions may take in memory:
// what four of the largest have, or thousands of ordinary ones.
const windowBytes = 256 << 20

// HooksOptions say what durable subscriptions stand on. Schedule, Random,
// LetterAge and WindowBytes have defaults, the zero Logger says nothing.
type HooksOptions struct {
	Dispatcher  *Dispatcher
	Store       HookStore
	DeadLetters DeadLetterBox
	Sender      WebhookSender
	Handshaker  Handshaker
	Schedule    webhook.Schedule // webhook.DefaultSchedule
	Random      func() float64   // at least 0 and below 1, by many at once: math/rand/v2
	Events      EventPublisher   // nil: nobody is told
	Retention   Retention        // nil: nobody is warned, and no lag has a time
	LetterAge   time.Duration    // how long dead letters are kept after their last try; 30 days
	WindowBytes int64            // of memory for the open windows of all; 256 MiB
	Logger      klog.Logger
}

func (o *HooksOptions) validate() error {
	if o.Dispatcher == nil || o.Store == nil || o.DeadLetters == nil || o.Sender == nil || o.Handshaker == nil {
		return errors.New("hooks options: Dispatcher, Store, DeadLetters, Sender and Handshaker are required")
	}
	if o.Schedule == nil {
		o.Schedule = webhook.DefaultSchedule()
	}
	if o.Random == nil {
		o.Random = mathrand.Float64
	}
	if o.LetterAge == 0 {
		o.LetterAge = letterAge
	}
	if o.WindowBytes == 0 {
		o.WindowBytes = windowBytes
	}
	return nil
}

// Hooks are the durable subscriptions of a log. A change is stored before it
// counts. They deliver while Run runs.
type Hooks struct {
	options HooksOptions
	events  *hookEvents
	log     *hookLog
	saver   *cursorSaver  // of Run
	wake    chan struct{} // holds one token while something has changed
	urgent  chan struct{} // holds one token while somebody waits for a cursor to be stored
	told    chan struct{} // closed when nothing is told any more

	movedHooks movedHooks

	open     *window.Budget // of the windows that are
	redriven sync.Map       // ids of dead letters that are being redriven

	changing sync.Mutex // one change at a time; held over IO, which mu never is

	mu       sync.Mutex // nobody waits for a run while it holds this: every try of every hook needs it
	hooks    map[string]*keptHook
	changed  map[string]struct{} // hooks whose run is not as they want it
	redrives map[string]bool     // hooks whose dead letters are to be redriven, and whether that has begun
}

// keptHook is one Hook, and its run while it delivers.
type keptHook struct {
	hook   Hook
	cursor hookCursor  // where it was when no run had it
	turn   hookTurn    // as it was then
	risk   classBlocks // how many blocks it is not done with that the log is about to let go of
	run    *hookRun    // or nil
	stop   context.CancelFunc

	window, windowStored []byte    // of its windows, and as it is stored: see windowRecord
	windowDue            time.Time // when it is stored again
}

// NewHooks loads the durable subscriptions.
func NewHooks(ctx context.Context, options HooksOptions) (*Hooks, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	h := &Hooks{
		options: options, events: newHookEvents(options.Events, options.Logger), log: newHookLog(options.Logger), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		told: make(chan struct{}), open: window.NewBudget(options.WindowBytes),
		hooks: make(map[string]*keptHook), changed: make(map[string]struct{}), redrives: make(map[string]bool),
	}
	h.saver = &cursorSaver{hooks: h}
	return h, h.load(ctx)
}

// Told is closed when Run tells no more events: shortly before it returns.
func (h *Hooks) Told() <-chan struct{} { return h.told }

// mark has Run look at a hook. h.mu is held, or nobody else has h yet.
func (h *Hooks) mark(id string) {
	h.changed[id] = struct{}{}
	signal(h.wake)
}

// Create begins a durable subscription at a place, with what its caller gives:
// all from Owner to Handshake, over DefaultHook. The error is a
// *rest.InvalidError if they are wrong. The key is shown to nobody again.
func (h *Hooks) Create(ctx context.Context, hook Hook, start Start) (Hook, webhook.Key, error) {
	if err := hook.validate(); err != nil {
		return Hook{}, webhook.Key{}, err
	}
	if err := h.propose(ctx, &hook); err != nil {
		return Hook{}, webhook.Key{}, err
	}
	key, err := webhook.NewKey(hook.Signature, rand.Reader)
	if err != nil {
		return Hook{}, key, err
	}
	at := h.options.Dispatcher.reached()
	if start != (Start{}) {
		if at, err = start.position(ctx, h.options.Dispatcher.history, at); err != nil {
			return Hook{}, key, err
		}
	}
	hook.ID, hook.Created, hook.State = "sub_"+strings.ToLower(rand.Text()), time.Now().UTC(), HookActive
	hook.Began, hook.Keys = at.String(), []string{key.Reveal()}
	h.changing.Lock()
	defer h.changing.Unlock()
	if h.count() >= maxHooks {
		return Hook{}, key, ErrTooManyHooks
	}
	if err := h.save(ctx, &hook); err != nil {
		return Hook{}, key, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks[hook.ID] = &keptHook{hook: hook, cursor: cursorAt(hook.Began)}
	h.mark(hook.ID)
	h.events.tell(hook.ID, hookEvent{Event: eventCreated, Topic: hook.Topic})
	return hook, key, nil
}

func (h *Hooks) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.hooks)
}

func (h *Hooks) save(ctx context.Context, hook *Hook) error {
	record, err := json.Marshal(hook)
	if err == nil {
		err = h.options.Store.SaveHook(ctx, hook.ID, record)
	}
	if err != nil {
		return fmt.Errorf("save subscription %s: %w", hook.ID, err)
	}
	return nil
}

// Change lets an edit change a Hook, and stores it. Where it is stays as it
// is, and what is on its way is tried again if the run ends for the change.
func (h *Hooks) Change(ctx context.Context, id string, edit func(*Hook) error) (Hook, error) {
	hook, err := h.rewrite(ctx, id, edit)
	if err != nil {
		return Hook{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark(id)
	return hook, nil
}

// rewrite is Change of what a run reads at each try: it goes on.
func (h *Hooks) rewrite(ctx context.Context, id string, edit func(*Hook) error) (Hook, error) {
	h.changing.Lock()
	defer h.changing.Unlock()
	hook, err := h.Get(id)
	if err != nil {
		return Hook{}, err
	}
	hook.Keys = slices.Clone(hook.Keys)
	if err := edit(&hook); err != nil {
		return Hook{}, err
	}
	if err := hook.validate(); err != nil {
		return Hook{}, err
	}
	if err := h.save(ctx, &hook); err != nil {
		return Hook{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if was := h.hooks[id].hook.State; was != hook.State {
		h.events.tell(id, hookEvent{Event: eventOf[hook.State], Reason: hook.Why})
	}
	h.hooks[id].hook = hook
	return hook, nil
}

// Rotate gives a Hook a new key of its signature. The one before it signs, too,
// for oldKeyTime.
func (h *Hooks) Rotate(ctx context.Context, id string) (key webhook.Key, err error) {
	_, err = h.rewrite(ctx, id, func(hook *Hook) (err error) {
		if key, err = webhook.NewKey(hook.Signature, rand.Reader); err != nil {
			return err
		}
		hook.Keys = append([]string{key.Reveal()}, hook.Keys[:min(1, len(hook.Keys))]...)
		hook.OldUntil = time.Now().Add(oldKeyTime).UTC()
		return nil
	})
	return key, err
}

// Delete ends a durable subscription. Its dead letters stay.
func (h *Hooks) Delete(ctx context.Context, id string) error {
	h.changing.Lock()
	defer h.changing.Unlock()
	if _, err := h.Get(id); err != nil {
		return err
	}
	if err := h.options.Store.DeleteHook(ctx, id); err != nil {
		return fmt.Errorf("delete subscription %s: %w", id, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept := h.hooks[id]; kept.run != nil {
		kept.stop()
	}
	delete(h.hooks, id)
	h.moved(id)
	h.events.tell(id, hookEvent{Event: eventDeleted})
	return nil
}

// Get returns a Hook, or ErrNoSuchHook.
func (h *Hooks) Get(id string) (Hook, error) {
	kept, err := h.kept(id)
	return kept.hook, err
}

// kept returns a hook as it is now, or ErrNoSuchHook.
func (h *Hooks) kept(id string) (keptHook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.hooks[id]
	if !ok {
		return keptHook{}, ErrNoSuchHook
	}
	return *kept, nil
}

// List returns every Hook, the oldest first.
func (h *Hooks) List() []Hook {
	all := h.all()
	slices.SortFunc(all, func(a, b Hook) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

func (h *Hooks) all() []Hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Hook, 0, len(h.hooks))
	for _, kept := range h.hooks {
		all = append(all, kept.hook)
	}
	return all
}
