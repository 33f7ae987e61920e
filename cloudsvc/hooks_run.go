package cloudsvc

import (
	"context"
	"errors"
	"sync"
	"time"

	"datastub/cloudsvc/window"
)

// stopTime bounds how long the end may take: what is being tried has graceTime of
// it, and the last cursors have the rest. What they do not tell is delivered again.
const stopTime = 5 * time.Second

// redriveStore bounds how long what came of a redrive is stored: its try may have
// had all of graceTime.
const redriveStore = stopTime - graceTime

// Run delivers until the context ends. What is being tried then may end in time;
// what else is on its way is tried again by the next one.
func (h *Hooks) Run(ctx context.Context) error {
	var running sync.WaitGroup
	ticker := time.NewTicker(cursorEvery)
	defer ticker.Stop()
	running.Go(func() { h.expire(ctx) })
	telling, told := context.WithCancel(context.WithoutCancel(ctx)) // what ends is told of, too
	defer told()
	var tellers sync.WaitGroup
	tellers.Go(func() {
		defer close(h.told)
		h.events.run(telling)
	})
	tellers.Go(func() { h.log.run(telling) })
	running.Go(func() { h.watch(ctx) })
	for {
		select {
		case <-h.wake:
			h.arrange(ctx, &running)
		case <-ticker.C:
			h.saver.save(ctx, false)
		case <-h.urgent:
			h.saver.saveCursors(ctx, true)
		case <-ctx.Done():
			// ctx has ended, and the cursors are still to be saved.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			running.Wait()
			told()
			h.saver.save(last, true)
			tellers.Wait()
			return nil
		}
	}
}

// arrange has each hook that has changed run as it wants to. A run that is not
// wanted any more is stopped, and begun again when it has ended.
func (h *Hooks) arrange(ctx context.Context, running *sync.WaitGroup) {
	for _, id := range h.takeChanged() {
		h.begin(ctx, id, running)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, begun := range h.redrives {
		if !begun {
			h.redrives[id] = true
			running.Go(func() { h.redriveAll(ctx, id) })
		}
	}
}

// takeChanged stops the runs of hooks that have changed, and returns those that
// have none and want one.
func (h *Hooks) takeChanged() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.changed {
		kept, ok := h.hooks[id]
		switch {
		case !ok:
		case kept.run != nil:
			kept.stop()
		case kept.hook.State == HookActive:
			ids = append(ids, id)
		}
	}
	clear(h.changed)
	return ids
}

// begin runs a hook that has no run. If it changes while that is made, it is
// looked at again.
func (h *Hooks) begin(ctx context.Context, id string, running *sync.WaitGroup) {
	was, err := h.kept(id)
	if err != nil {
		return // it has just gone
	}
	run, err := newHookRun(h, was.hook, was.cursor, was.window)
	if err != nil { // where it was cannot be read: somebody has to look, and resume it
		running.Go(func() {
			if disabled := h.disable(ctx, &was.hook, err.Error()); disabled != nil {
				h.options.Logger.Error(errors.Join(err, disabled), "A subscription cannot be delivered", "subscription", id)
			}
		})
		return
	}
	run.last.turn = was.turn
	ctx, stop := context.WithCancel(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.hooks[id]
	if !ok { // it has just gone
		stop()
		run.close()
		return
	}
	kept.run, kept.stop = run, stop
	running.Go(func() {
		defer stop()
		err := run.run(ctx)
		if ctx.Err() == nil {
			h.broken(ctx, run, err)
		}
		h.ended(kept, run)
	})
}

// broken takes into account that a run ended by itself.
func (h *Hooks) broken(ctx context.Context, run *hookRun, err error) {
	if reason := endReason(err); reason != "" {
		err = h.disable(ctx, &run.hook, reason)
	}
	if err == nil || errors.Is(err, ErrNoSuchHook) {
		return
	}
	if !errors.Is(err, ErrClosed) {
		h.options.Logger.Error(err, "A subscription stopped, and goes on soon", "subscription", run.hook.ID)
	}
	pause(ctx)
}

// disable disables a hook for a reason, unless it is not as it was any more.
func (h *Hooks) disable(ctx context.Context, was *Hook, reason string) error {
	disabled := false
	_, err := h.Change(ctx, was.ID, func(hook *Hook) error {
		if disabled = hook.Callback == was.Callback && hook.Topic == was.Topic && hook.Window == was.Window; disabled {
			hook.State, hook.Why = HookDisabled, reason
		}
		return nil
	})
	if err == nil && disabled {
		h.options.Logger.Info("A subscription is disabled", "subscription", was.ID, "reason", reason)
	}
	return err
}

// endReason returns why a subscription is disabled whose run ended with an error,
// "" if it is not.
func endReason(err error) string {
	var gone *goneError
	var limit *window.LimitError
	switch {
	case errors.As(err, &gone):
		return gone.reason
	case errors.As(err, &limit):
		return limit.Error()
	}
	return ""
}

// ended keeps where a run was, and has the hook looked at again.
func (h *Hooks) ended(kept *keptHook, run *hookRun) {
	at, _ := run.cursor()
	windows := run.windows()
	run.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	kept.run, kept.cursor, kept.window, kept.turn = nil, at, windows, run.last.turn
	h.moved(run.hook.ID)
	h.mark(run.hook.ID)
}
