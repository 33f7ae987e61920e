package mapper

import (
	"sync"
	"sync/atomic"

	"datastub/driver"
)

// maxNews is how many readings of a device may wait: more than one tells while
// it is being read, and little memory for many devices.
const maxNews = 1024

// A tiding is one reading that a device has told by itself.
type tiding struct {
	point   driver.Point
	reading driver.Reading
}

// An inbox holds what a device has told by itself until the device's goroutine
// takes it. Where it is full the oldest is dropped: what is newer tells more.
type inbox struct {
	dropped *atomic.Uint64

	mu      sync.Mutex
	waiting []tiding
}

// put adds news, from any goroutine.
func (b *inbox) put(t tiding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == maxNews {
		b.waiting = b.waiting[1:]
		b.dropped.Add(1)
	}
	b.waiting = append(b.waiting, t)
}

// take returns what waits, in the order in which it came.
func (b *inbox) take() []tiding {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.waiting
	b.waiting = nil
	return taken
}
