package drivertest

import (
	"context"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"datastub/driver"
)

// told is one call of news.
type told struct {
	point   driver.Point
	reading driver.Reading
}

// A listening is a call of Observe that is under way.
type listening struct {
	device driver.Device
	points []driver.Point // the last one is observed
	news   chan told
	ended  chan struct{}
}

// maxTold is more than a device tells in a subtest.
const maxTold = 4096

// observe has a device observe the harness's points, of which one is set up for
// it.
func (h Harness) observe(ctx context.Context, t *testing.T, device driver.Device) *listening {
	t.Helper()
	l := &listening{
		device: device,
		points: append(h.points(t, device), point(t, device, h.Observed.Config)),
		news:   make(chan told, maxTold), ended: make(chan struct{}),
	}
	observer, ok := device.(driver.Observer)
	if !ok {
		t.Fatalf("%T is no Observer", device)
	}
	var over atomic.Bool
	go func() {
		defer close(l.ended)
		defer over.Store(true)
		observer.Observe(ctx, l.points, func(p driver.Point, r driver.Reading) {
			if over.Load() {
				t.Error("news after Observe has returned")
			}
			l.news <- told{p, r}
		})
	}()
	return l
}

// hear returns once there is news of a value, and passes over news of the one
// before.
func (h Harness) hear(t *testing.T, l *listening, value, before any) {
	t.Helper()
	for {
		n := await(t, "news", l.news)
		checkNews(t, h, l, n)
		if reflect.DeepEqual(n.reading.Value, value) {
			return
		}
		if !reflect.DeepEqual(n.reading.Value, before) {
			t.Fatalf("news of %v, want %v", n.reading.Value, value)
		}
	}
}

func checkNews(t *testing.T, h Harness, l *listening, n told) {
	t.Helper()
	if n.point != l.points[len(l.points)-1] {
		t.Errorf("news of %v, which is not observed", n.point)
	}
	checkReading(t, Known{Config: h.Observed.Config}, n.reading)
	if age := h.Now().Sub(n.reading.Time); age < 0 || age > soon {
		t.Errorf("news is %v old", age)
	}
}

// begin changes the point to a value until there is news of it: then the device
// tells of changes. It passes over whatever there is before.
func (h Harness) begin(t *testing.T, l *listening, value any) {
	t.Helper()
	deadline := time.NewTimer(h.Recovery + soon)
	defer deadline.Stop()
	tick := time.NewTicker(10 * pause)
	defer tick.Stop()
	for {
		h.Observed.Change(t, value)
		select {
		case n := <-l.news:
			if n.reading.Err == nil && reflect.DeepEqual(n.reading.Value, value) {
				return
			}
		case <-deadline.C:
			t.Fatalf("no news of %v", value)
		}
		<-tick.C
	}
}

// observeChanges changes a point faster than anybody reads it.
func (h Harness) observeChanges(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := h.observe(ctx, t, h.open(t))
	values := h.Observed.Values
	h.begin(t, l, values[0])
	for _, value := range values[1:] {
		h.Observed.Change(t, value)
	}
	for i, value := range values[1:] {
		h.hear(t, l, value, values[i])
	}
	cancel()
	await(t, "end of Observe", l.ended)
}

func (h Harness) observeAgain(t *testing.T) {
	device := h.open(t)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		l := h.observe(ctx, t, device)
		h.begin(t, l, h.Observed.Values[0])
		cancel()
		await(t, "end of Observe", l.ended)
	}
}

func (h Harness) observeClosed(t *testing.T) {
	device := h.openOnly(t, h.Settings)
	l := h.observe(t.Context(), t, device)
	h.begin(t, l, h.Observed.Values[0])
	closeDevice(t, device)
	await(t, "end of Observe of a closed device", l.ended)
}

// observeNothing has a device observe points that are not set up for it.
func (h Harness) observeNothing(t *testing.T) {
	device := h.open(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		device.(driver.Observer).Observe(t.Context(), h.points(t, device), func(p driver.Point, _ driver.Reading) {
			t.Errorf("news of %v", p)
		})
	}()
	await(t, "end of Observe", ended)
}

// observeAway loses the device, which is read all the time, and waits until it
// tells of changes again.
func (h Harness) observeAway(t *testing.T) {
	device := h.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	l := h.observe(ctx, t, device)
	h.begin(t, l, h.Observed.Values[0])

	h.Away(t)
	if _, err := device.Read(timeout(t), l.points); err == nil {
		t.Error("a device that is away is read")
	}
	h.Back(t)
	h.begin(t, l, h.Observed.Values[1])
	cancel()
	await(t, "end of Observe", l.ended)
}
