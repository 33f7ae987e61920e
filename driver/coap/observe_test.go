package coap_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"datastub/driver"
)

// A listener hears what a device tells by itself.
type listener struct {
	news  chan driver.Reading // each point's own
	other chan driver.Reading
	stop  func() // ends it, and returns when it has
}

// listen observes two points until the test ends.
func listen(t *testing.T, device driver.Device, first, second driver.Point) *listener {
	t.Helper()
	const enough = 4096 // for any test
	l := &listener{news: make(chan driver.Reading, enough), other: make(chan driver.Reading, enough)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		device.(driver.Observer).Observe(ctx, []driver.Point{first, second}, func(p driver.Point, r driver.Reading) {
			if p == first {
				l.news <- r
			} else {
				l.other <- r
			}
		})
	}()
	l.stop = func() { cancel(); <-done }
	t.Cleanup(l.stop)
	return l
}

// next returns the next reading.
func next(t *testing.T, from <-chan driver.Reading) driver.Reading {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-from:
		return r
	case <-timer.C:
		t.Fatalf("no news after %v", patience)
		return driver.Reading{}
	}
}

// Points of one resource are told together, over UDP and over DTLS.
func TestObserveMembers(t *testing.T) {
	t.Parallel()
	s := startSecure(t, resource{"/wind", "json", "{%22speed%22:1,%22from%22:%22N%22}"})
	for name, settings := range map[string]driver.Settings{"UDP": s.settings(), "DTLS": s.secureSettings("pskKey", secret)} {
		t.Run(name, func(t *testing.T) {
			device := open(t, settings)
			speed := point(t, device, driver.Int, driver.Settings{"path": "/wind", "jsonKey": "speed", "observe": true})
			from := point(t, device, driver.String, driver.Settings{"path": "/wind", "jsonKey": "from", "observe": "true"})
			s.put(t, resource{"/wind", "json", "{%22speed%22:1,%22from%22:%22N%22}"})
			l := listen(t, device, speed, from)
			if r := next(t, l.news); r.Value != int64(1) {
				t.Errorf("at first: got %v, %v", r.Value, r.Err)
			}
			s.put(t, resource{"/wind", "json", "{%22speed%22:2,%22from%22:%22NW%22}"})
			if r := next(t, l.news); r.Value != int64(2) {
				t.Errorf("speed: got %v, %v", r.Value, r.Err)
			}
			if first, second := next(t, l.other), next(t, l.other); first.Value != "N" || second.Value != "NW" {
				t.Errorf("from: got %v and %v", first.Value, second.Value)
			}
		})
	}
}

// A resource that is larger than a datagram is told whole.
func TestObserveBlocks(t *testing.T) {
	t.Parallel()
	s := startServer(t, resource{"/log", "text/plain", "short"})
	device := open(t, s.settings())
	p := point(t, device, driver.String, driver.Settings{"path": "/log", "observe": true})
	l := listen(t, device, p, p)
	if r := next(t, l.news); r.Value != "short" {
		t.Errorf("got %v, %v", r.Value, r.Err)
	}
	long := strings.Repeat("0123456789", 400)
	if err := device.Write(t.Context(), p, long); err != nil {
		t.Fatal(err)
	}
	for {
		r := next(t, l.news)
		if r.Value == long {
			return
		}
		if r.Err != nil || r.Value != "short" { // the same point is heard twice
			t.Fatalf("got %.40v of %d bytes, %v", r.Value, len(r.Value.(string)), r.Err)
		}
	}
}

// A resource that goes is an error, and told again when it is back.
func TestObserveDeleted(t *testing.T) {
	t.Parallel()
	s := startServer(t, resource{"/level", "text/plain", "1"})
	device := open(t, s.settings())
	p := point(t, device, driver.Int, driver.Settings{"path": "/level", "observe": true})
	l := listen(t, device, p, p)
	if r := next(t, l.news); r.Value != int64(1) {
		t.Errorf("got %v, %v", r.Value, r.Err)
	}
	s.client(t, "-m", "delete", "coap://"+address(s.port)+"/level")
	for r := next(t, l.news); ; r = next(t, l.news) {
		if r.Err != nil {
			if !strings.Contains(r.Err.Error(), "4.04") {
				t.Errorf("got %v, want 4.04", r.Err)
			}
			break
		}
	}
	s.put(t, resource{"/level", "text/plain", "2"})
	for r := next(t, l.news); r.Value != int64(2); r = next(t, l.news) {
		if r.Err == nil && r.Value != int64(1) {
			t.Fatalf("got %v", r.Value)
		}
	}
}
