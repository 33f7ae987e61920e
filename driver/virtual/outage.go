package virtual

import (
	"fmt"
	"time"

	"datastub/driver"
)

// An outage is when a device is away: at the end of each round of every, for
// lasts. The zero outage is never.
type outage struct {
	every, lasts time.Duration
}

// defaultRounds is how much longer a round is by default than its outage.
const defaultRounds = 10

// readOutage reads offlineFor and offlineEvery.
func readOutage(r *driver.Reader) outage {
	if !r.Has("offlineFor") {
		if r.Has("offlineEvery") {
			r.Refuse("offlineFor", nil, "how long the device is away each time, such as 30s")
		}
		return outage{}
	}
	lasts := r.Duration("offlineFor", minPeriod, minPeriod, maxPeriod/defaultRounds)
	return outage{lasts: lasts, every: r.Duration("offlineEvery", defaultRounds*lasts, lasts, maxPeriod)}
}

// at returns why the device is away after a time, or nil.
func (o outage) at(elapsed time.Duration) error {
	if o.every == 0 || max(elapsed, 0)%o.every < o.every-o.lasts {
		return nil
	}
	return fmt.Errorf("%w: made to be away by offlineFor %v", driver.ErrUnreachable, o.lasts)
}
