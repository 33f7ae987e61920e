package mapper

import (
	"sync"
	"time"
)

// An alarm has something done whenever it rang: in a goroutine that ends with
// it, one at a time, so that thousands who wait take no stack. The zero alarm
// only remembers that it rang.
type alarm struct {
	timer *time.Timer // of ringIn; nil: never set. Belongs to who is at work.

	mu   sync.Mutex
	work func() // nil: nothing yet, or not any more
	busy bool   // work is being done
	rang bool   // since work began last
}

// begin says what is to be done, and has it done once.
func (a *alarm) begin(work func()) {
	a.mu.Lock()
	a.work = work
	a.mu.Unlock()
	a.ring()
}

// ring has the work done at once, or again if it is being done. It may be
// called from any goroutine, and returns at once.
func (a *alarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rang = true
	if a.work == nil || a.busy {
		return
	}
	a.busy = true
	go func() {
		for work := a.next(); work != nil; work = a.next() {
			work()
		}
	}()
}

// next returns the work if the alarm rang.
func (a *alarm) next() func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy = a.rang && a.work != nil; !a.busy {
		return nil
	}
	a.rang = false
	return a.work
}

// ringIn has the alarm ring after some time, and not when it was set to before.
// It is called by the work.
func (a *alarm) ringIn(wait time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.ring)
		return
	}
	a.timer.Reset(wait)
}

// end has nothing done any more. It is called by the work.
func (a *alarm) end() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.work = nil
}
