package cloudsvc

import (
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane/uplink"
)

// gapEvery is how often the gaps of one lane are logged: a publisher whose
// spool stays full sends one for each record that it drops.
const gapEvery = 10 * time.Second

// gapLog logs what publishers say will never come, a lane at a time. Its zero
// value is ready to use.
type gapLog struct {
	mu    sync.Mutex
	lanes map[laneKey]*gapSum
}

// gapSum is a lane's gaps since its last line.
type gapSum struct {
	logged  time.Time
	records uint64
}

// note takes one gap into account, and logs what has come together since the
// lane's last line.
func (g *gapLog) note(log klog.Logger, a *uplink.Accepted, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lanes == nil {
		g.lanes = make(map[laneKey]*gapSum)
	}
	key := laneKey{a.Publisher, a.Lane}
	sum := g.lanes[key]
	if sum == nil {
		sum = &gapSum{}
		g.lanes[key] = sum
	}
	sum.records += a.Last - a.First + 1
	if now.Sub(sum.logged) < gapEvery {
		return
	}
	log.Info("Publisher has lost records", "publisher", a.Publisher, "class", a.Lane,
		"records", sum.records, "epoch", a.Epoch, "upTo", a.Last, "reason", a.Gap.Reason)
	*sum = gapSum{logged: now}
}
