package virtual

import (
	"fmt"
	"math"
	"sync/atomic"

	"datastub/driver"
)

// failing has each n-th read and each n-th write fail. Nil has none fail.
type failing struct {
	n             int64
	reads, writes atomic.Int64
}

// readFailing reads failEvery; it returns nil where that is not given.
func readFailing(r *driver.Reader) *failing {
	if !r.Has("failEvery") {
		return nil
	}
	return &failing{n: r.Int("failEvery", 1, 1, math.MaxInt32)}
}

// read counts a read, and returns why it fails, or nil.
func (f *failing) read() error {
	if f == nil || f.reads.Add(1)%f.n != 0 {
		return nil
	}
	return f.reason()
}

// write does the same of a write.
func (f *failing) write() error {
	if f == nil || f.writes.Add(1)%f.n != 0 {
		return nil
	}
	return f.reason()
}

func (f *failing) reason() error { return fmt.Errorf("made to fail by failEvery %d", f.n) }
