package mapper

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// randomChange returns a device whose first property is always the same, and
// whose others are anything.
func randomChange(random *rand.Rand) Spec {
	spec := scriptSpec("d", nil)
	spec.Properties[0].Rules.Topic = "t/always"
	always := spec.Properties[0]
	spec.Properties = spec.Properties[:1]
	for i := range random.IntN(4) {
		p := always
		p.Point.Name, p.Rules.Topic = fmt.Sprint("p", i), fmt.Sprint("t/", random.IntN(3))
		p.Point.Settings = []driver.Settings{{}, {"offset": 1}, {"fail": "point"}}[random.IntN(3)]
		p.CollectCycle = time.Duration(1+random.IntN(7)) * 30 * time.Millisecond
		p.Desired = []string{"", "1", "2", "wrong"}[random.IntN(4)]
		spec.Properties = append(spec.Properties, p)
	}
	random.Shuffle(len(spec.Properties), func(i, j int) {
		spec.Properties[i], spec.Properties[j] = spec.Properties[j], spec.Properties[i]
	})
	return spec
}

// Whatever becomes of its neighbours, a property that is never changed is read
// in each of its cycles, once.
func TestFleetRandomChangesBesideAProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			random := rand.New(rand.NewPCG(seed, 0))
			start := time.Now()
			r.fleet.Put(scriptSpec("d", nil))
			r.fleet.Put(randomChange(random))
			var got []int
			for range 200 {
				pass(time.Duration(random.IntN(100)) * time.Millisecond)
				r.fleet.Put(randomChange(random))
				got = append(got, r.published(start)["t/always"]...)
			}
			pass(0)
			got = append(got, r.published(start)["t/always"]...)
			var want []int
			for at := 0; at <= int(time.Since(start).Milliseconds()); at += 100 {
				want = append(want, at)
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: read at %v, want %v", seed, got, want)
			}
			if _, opens := r.script.counts(Key{"default", "d"}); opens != 1 {
				t.Errorf("seed %d: opened %d times", seed, opens)
			}
			r.wantStop(t)
		})
	}
}

// After any changes, writes, failures and hangs, a device becomes what is
// wanted last and holds what is desired.
func TestFleetRandomStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			random := rand.New(rand.NewPCG(seed, 1))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			writes := make(chan error, 100) // one for each step at the most
			asked := 0
			for range cap(writes) {
				name := fmt.Sprint("d", random.IntN(3))
				switch random.IntN(8) {
				case 0:
					r.fleet.Remove(Key{"default", name})
				case 1:
					asked++
					text := strconv.Itoa(random.IntN(9))
					go func() { writes <- r.fleet.Write(ctx, Key{"default", name}, "a", text) }()
				case 2:
					failure := []error{nil, driver.ErrUnreachable, fmt.Errorf("write: %w", driver.ErrValue)}[random.IntN(3)]
					r.script.set(func(s *script) { s.broken, s.refuse = failure, failure })
				case 3:
					r.script.release()
				default:
					spec := randomChange(random)
					spec.Key.Name = name
					spec.Settings = []driver.Settings{nil, nil, {"hang": "read"}, {"hang": "write"}, {"hang": "close"}}[random.IntN(5)]
					r.fleet.Put(spec)
				}
				pass(time.Duration(random.IntN(4_000)) * time.Millisecond)
			}
			r.script.set(func(s *script) { s.broken, s.refuse = nil, nil })
			spec := scriptSpec("d0", nil)
			spec.Properties[1].Desired = "42"
			r.fleet.Put(spec)
			letGo := func() {
				for range 20 { // one after the other
					r.script.release()
					pass(5 * time.Second)
				}
				pass(lastDesireWait)
			}
			letGo()
			r.wantHealth(t, "d0", Online, "")
			if open, _ := r.script.counts(spec.Key); open != 1 || r.script.held["default/d0/b"] != 42.0 {
				t.Errorf("seed %d: %d are open, b holds %v", seed, open, r.script.held["default/d0/b"])
			}
			cancel()
			for range asked {
				<-writes
			}
			for i := range 3 {
				r.fleet.Remove(Key{"default", fmt.Sprint("d", i)})
			}
			letGo()
			if left := r.status.Snapshot(); len(left) > 0 {
				t.Errorf("seed %d: status has %v", seed, left)
			}
			r.wantStop(t)
		})
	}
}
