package dmi

import (
	"context"
	"sync"
	"time"
)

// EdgeCore takes one request a second, 100 at once after a rest, from all
// mappers of a node together, and refuses what is more: a bucket of 100 tokens
// into which one drops each second. The pacer mirrors that bucket, so that
// nothing of ours is refused while we are alone.
const (
	// perSecond is how many tokens come back: a little below EdgeCore's 1, so
	// that ours is never the fuller one for long.
	perSecond = 0.99
	// most is how full the bucket may be: below EdgeCore's 100, as what is under
	// way while both are full has left ours and not yet EdgeCore's.
	most = 90
	// atStart is what is assumed to be in EdgeCore's bucket: not all, as the run
	// before this one may just have taken it. Of this, 35 are spent at once. A
	// mapper that crashes whenever it has done so is restarted by Kubernetes after
	// 10, 20, 40 s, and by then as much has come back.
	atStart = 50
)

// A kind is what a request is for.
type kind int

const (
	forRegistration kind = iota
	forState             // a state that has changed, and what was never told
	forTwins             // values that have changed, or are old
	forRefresh           // what EdgeCore has been told already
)

// reserve returns how many tokens a kind leaves for those before it: devices
// that change every second take all that comes, and must not keep a mapper from
// being taken in, nor a failure from being told.
func (k kind) reserve() float64 {
	return [...]float64{forRegistration: 0, forState: 15, forTwins: 30, forRefresh: 60}[k]
}

// A pacer says when a request may be made. Its methods may be called from many
// goroutines.
type pacer struct {
	now func() time.Time

	mu    sync.Mutex
	level float64   // tokens, up to most
	at    time.Time // when level was so
}

func newPacer(now func() time.Time) *pacer {
	return &pacer{now: now, level: atStart, at: now()}
}

// take takes a token for one request, to be made at once, and returns 0. If
// there is none for its kind it returns after how long there may be.
func (p *pacer) take(k kind) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.level = min(most, p.level+perSecond*now.Sub(p.at).Seconds())
	p.at = now
	if missing := k.reserve() + 1 - p.level; missing > 0 {
		return time.Duration(missing/perSecond*float64(time.Second)) + time.Nanosecond // rounded up
	}
	p.level--
	return 0
}

// wait takes a token as soon as there is one, or returns ctx's error.
func (p *pacer) wait(ctx context.Context, k kind) error {
	for {
		after := p.take(k)
		if after == 0 {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(after):
		}
	}
}

// refused says that EdgeCore has refused a request as one too many: others on
// the node have taken its tokens. All kinds wait then, and the less they matter
// the longer: twins for half a minute.
func (p *pacer) refused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.level, p.at = 0, p.now()
}
