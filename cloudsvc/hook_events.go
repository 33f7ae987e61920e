package cloudsvc

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/klog/v2"

	"datastub/dataplane"
)

const (
	// eventRate is how many events of subscriptions there may be a second, after
	// eventBurst of them at once. What is more is counted in one event a second:
	// 10,000 receivers that fail together must not fill the log.
	eventRate  = 50
	eventBurst = 200
	// maxEvents is how many wait for the log at most.
	maxEvents = 512
	// moreEvery is how often it is told how many events there were not.
	moreEvery = time.Second
	// moreDevice is the device of that event, which is of no one subscription.
	moreDevice = "subscriptions"
)

// An EventPublisher stores events as messages. It gives up when the context
// ends; then they may be stored or not.
type EventPublisher interface {
	PublishEvents(ctx context.Context, events []dataplane.Message) error
}

// A hookEvent is what happened to a durable subscription: the value of a message
// at HookTopic, as JSON in a string. The log has it once, or, where cloudsvc was
// killed or the log full, not at all: it is no count.
type hookEvent struct {
	Event  string `json:"event"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	Topic  string `json:"topic,omitempty"`

	DeadLetter string `json:"deadLetter,omitempty"` // its id
	Message    string `json:"message,omitempty"`    // the id of it
	Tries      int    `json:"tries,omitempty"`

	Class     string `json:"class,omitempty"`     // of blocks of the log
	Blocks    uint64 `json:"blocks,omitempty"`    // how many
	Count     uint64 `json:"count,omitempty"`     // of events that are not told each
	Delivered int    `json:"delivered,omitempty"` // of the dead letters that were redriven
	Failed    int    `json:"failed,omitempty"`
}

// The events.
const (
	eventCreated    = "created"
	eventDeleted    = "deleted"
	eventPaused     = "paused"
	eventResumed    = "resumed"
	eventDisabled   = "disabled"
	eventFailing    = "failing"    // the first try that failed, of some in a row
	eventRecovered  = "recovered"  // a try went well again
	eventDeadLetter = "deadletter" // a message was given up
	eventDropped    = "dropped"    // a dead letter was, and nobody wanted that
	eventRedriven   = "redriven"   // dead letters were, as far as told
	eventBehind     = "behind"     // the log is about to let go of what was not delivered
	eventLost       = "lost"       // and did
	eventMore       = "more"       // there were more events than are told
)

// eventOf names what it is to a subscription to have a state.
var eventOf = map[HookState]string{HookActive: eventResumed, HookPaused: eventPaused, HookDisabled: eventDisabled}

// isHookEvent tells whether a message is an event of ours, by its id. What
// becomes of it makes no further event: subscriptions to events whose receivers
// fail would make each other's for ever.
func isHookEvent(messageID string) bool { return strings.HasPrefix(messageID, eventPublisher+"/") }

// hookEvents tells what happens to subscriptions. It never waits for the log:
// behind its bounds events are counted.
type hookEvents struct {
	publisher EventPublisher // nil: nobody is told
	logger    klog.Logger
	wake      chan struct{} // holds one token while something waits

	mu      sync.Mutex
	limiter *rate.Limiter
	waiting []dataplane.Message
	more    uint64
}

func newHookEvents(publisher EventPublisher, logger klog.Logger) *hookEvents {
	return &hookEvents{publisher: publisher, logger: logger, wake: make(chan struct{}, 1), limiter: rate.NewLimiter(eventRate, eventBurst)}
}

// tell has an event told of a subscription.
func (e *hookEvents) tell(id string, event hookEvent) {
	if e.publisher == nil {
		return
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) >= maxEvents || !e.limiter.AllowN(now, 1) {
		e.more++
		return
	}
	e.waiting = append(e.waiting, eventMessage(id, &event, now))
	signal(e.wake)
}

func eventMessage(device string, event *hookEvent, now time.Time) dataplane.Message {
	text, _ := json.Marshal(event) // texts and numbers always marshal
	return dataplane.Message{
		Topic: HookTopic, Namespace: defaultNamespace, Device: device, Class: dataplane.RT,
		Value: dataplane.StringValue(string(text)), Time: now.UTC(),
	}
}

// take returns what waits.
func (e *hookEvents) take() []dataplane.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.waiting
	e.waiting = nil
	return taken
}

// sum puts an event in the place of those that are not told.
func (e *hookEvents) sum() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more > 0 && len(e.waiting) <= maxEvents {
		e.waiting = append(e.waiting, eventMessage(moreDevice, &hookEvent{Event: eventMore, Count: e.more}, time.Now()))
		e.more = 0
	}
}

// run stores what is told until the context ends, and then what is left, if it
// can be soon.
func (e *hookEvents) run(ctx context.Context) {
	ticker := time.NewTicker(moreEvery)
	defer ticker.Stop()
	for {
		select {
		case <-e.wake:
		case <-ticker.C:
			e.sum()
		case <-ctx.Done():
			e.sum()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			e.store(last)
			return
		}
		e.store(ctx)
	}
}

// store stores what waits, again and again until the log has it. That may have
// it twice, where only the answer was lost.
func (e *hookEvents) store(ctx context.Context) {
	logged := ""
	for events := e.take(); len(events) > 0; pause(ctx) {
		err := e.publisher.PublishEvents(ctx, events)
		if err == nil || ctx.Err() != nil {
			return
		}
		if err.Error() != logged {
			logged = err.Error()
			e.logger.Error(err, "Events of subscriptions were not stored, and are again")
		}
	}
}
