package cloudsvc

import (
	"errors"
	"testing"
	"time"

	"datastub/dataplane"
)

func arrivalOf(size int, at time.Time) arrival {
	return arrival{frames: [][]byte{make([]byte, size)}, at: at}
}

func TestProducerRate(t *testing.T) {
	t.Parallel()
	p := &producer{}
	for second := range 3 {
		at := testTime.Add(time.Duration(second) * time.Second)
		taken := 0
		for range 10 * maxProducerRate {
			switch err := p.add(arrivalOf(1, at)); {
			case err == nil:
				taken++
			case !errors.Is(err, errTooFast):
				t.Fatalf("got %v, want %v", err, errTooFast)
			}
		}
		if taken != maxProducerRate {
			t.Errorf("second %d: took %d messages, want %d", second, taken, maxProducerRate)
		}
		for len(p.queue) > 0 {
			p.turn()
		}
	}
}

func TestProducerBytes(t *testing.T) {
	t.Parallel()
	p := &producer{}
	const size = 100 << 10
	taken := 0
	for p.add(arrivalOf(size, testTime)) == nil {
		taken++
	}
	if want := maxProducerBytes / (size + arrivalBytes); taken != want {
		t.Errorf("took %d messages of %d bytes, want %d", taken, size, want)
	}
	if err := p.add(arrivalOf(size, testTime)); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
	p.turn()
	if err := p.add(arrivalOf(size, testTime)); err != nil {
		t.Errorf("after a turn: got %v, want room", err)
	}
	for len(p.queue) > 0 {
		p.turn()
	}
	if p.bytes != 0 {
		t.Errorf("an empty queue has %d bytes", p.bytes)
	}
}

// A message that is too large takes no room, however little waits.
func TestProducerTooLarge(t *testing.T) {
	t.Parallel()
	p := &producer{}
	var drop *droppedError
	if err := p.add(arrivalOf(dataplane.MaxMessage+1, testTime)); !errors.As(err, &drop) || drop.reason != dropTooLarge {
		t.Errorf("got %v, want that it is too large", err)
	}
	if err := p.add(arrivalOf(dataplane.MaxMessage, testTime)); err != nil {
		t.Errorf("the largest: got %v", err)
	}
}

// A turn is bounded by count and by bytes, and has one message at least.
func TestProducerTurn(t *testing.T) {
	t.Parallel()
	p := &producer{}
	for _, size := range []int{1 << 20, 100 << 10, 20 << 10, 20 << 10} {
		if err := p.add(arrivalOf(size, testTime)); err != nil {
			t.Fatal(err)
		}
	}
	for range maxProducerTurn + 1 {
		if err := p.add(arrivalOf(0, testTime)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{1, 2, maxProducerTurn, 2} {
		if got := len(p.turn()); got != want {
			t.Errorf("turn %d: got %d messages, want %d", i, got, want)
		}
	}
}
