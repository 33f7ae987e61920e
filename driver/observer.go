package driver

import "context"

// An Observer is a Device that can send values by itself, between reads. It is
// read all the same: its host reads every point at its cycle, for silence does
// not tell that a device is there.
type Observer interface {
	// Observe calls news with each reading that the device sends of the points
	// by itself, first mostly with what a point holds when it begins, in the order
	// in which they arrive. Each is one more reading, beside those that Read
	// returns. Of a point that is not set up for it there is no news, and if there
	// is none that is, Observe returns at once; else it returns soon after ctx
	// ends or the device is closed.
	//
	// Whatever it takes is Observe's own business: to connect, and to ask the
	// device again after either has forgotten. That a device is away is not told
	// by it but by Read. News is called from any goroutine, one call at a time,
	// returns at once, and is not called any more when Observe has returned. The
	// host calls Observe again for other points, after it has returned.
	Observe(ctx context.Context, points []Point, news func(Point, Reading))
}
