package mapper

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
	"datastub/driver"
)

// A pushed is a Pusher that notes what it is told.
type pushed struct {
	mu    sync.Mutex
	lines []string
}

func (p *pushed) note(format string, values ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, fmt.Sprintf(format, values...))
}

// take returns what was noted since the last time.
func (p *pushed) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.lines = nil }()
	return p.lines
}

func (p *pushed) ReportSpec(spec Spec) { p.note("spec %s", spec.Key) }

func (p *pushed) Removed(key Key) { p.note("removed %s", key) }

func (p *pushed) Push(key Key, property *Property, reading driver.Reading) {
	p.note("%s %s %v to %s", key, property.Point.Name, reading.Value, property.Push.HTTP.URL)
}

func (p *pushed) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// A property is pushed once a reportCycle, from the reads that there are,
// whether or not it is reported or published.
func TestFleetPushes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pusher, script, publisher := &pushed{}, newScript(), &recorder{}
		n := 0
		script.answer = func(string) driver.Reading {
			n++
			return driver.Reading{Value: float64(n), Time: time.Now()}
		}
		fleet, err := NewFleet(FleetOptions{Drivers: Drivers{"script": script}, Publisher: publisher, Reporter: &Status{}, Pusher: pusher})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- fleet.Run(ctx) }()
		property := Property{
			Point:        driver.PointConfig{Name: "a", Type: driver.Double},
			CollectCycle: 100 * time.Millisecond, ReportCycle: 300 * time.Millisecond,
			Rules: Rules{Topic: "t", Class: dataplane.RT},
			Push:  Push{HTTP: &PushHTTP{URL: "http://a:1/"}},
		}
		bare := property
		bare.Point.Name, bare.Push, bare.CollectCycle = "b", Push{}, time.Hour
		spec := Spec{Key: Key{"default", "boiler"}, Protocol: "script", Properties: []Property{property, bare}}
		fleet.Put(spec)
		pass(950 * time.Millisecond)
		want := []string{
			"spec default/boiler",
			"default/boiler a 1 to http://a:1/", "default/boiler a 5 to http://a:1/",
			"default/boiler a 8 to http://a:1/", "default/boiler a 11 to http://a:1/",
		}
		if got := pusher.take(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		fleet.Remove(spec.Key)
		pass(time.Second)
		if got, want := pusher.take(), []string{"removed default/boiler"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := script.sizes; len(n) != 10 {
			t.Errorf("%d reads, want the 10 of the collectCycle", len(n))
		}
	})
}
