package load

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

const topic = "hall-07/boiler/sensor-01"

// outlet is a publish function that numbers what it takes.
type outlet struct {
	taken []dataplane.Message
	err   error
}

func (o *outlet) publish(messages []dataplane.Message) error {
	if o.err != nil {
		return o.err
	}
	for i := range messages {
		messages[i].ID.Seq = uint64(len(o.taken) + 1)
		o.taken = append(o.taken, messages[i])
	}
	return nil
}

func (o *outlet) source(t *testing.T, window int, received func() uint64) *Source {
	t.Helper()
	s, err := NewSource(SourceOptions{
		Topic: topic, Devices: 3, Class: dataplane.RT, Window: window, Received: received, Publish: o.publish,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSourceKeepsToItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outlet{}
		s := o.source(t, 100_000, func() uint64 { return uint64(len(o.taken)) })
		began := time.Now()
		sent, err := s.Send(t.Context(), Order{For: 2 * time.Second, Rate: 500})
		if err != nil {
			t.Fatal(err)
		}
		if sent.Count < 995 || sent.Count > 1000 || !sent.Began.Equal(began) {
			t.Errorf("sent %+v in 2 s, want 1000", sent)
		}
		for i, m := range o.taken {
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			if want := []string{"device-000", "device-001", "device-002"}[i%3]; m.Device != want {
				t.Fatalf("message %d is of %s, want %s", i, m.Device, want)
			}
		}
	})
}

func TestSourceKeepsToItsWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outlet{}
		received := uint64(0)
		s := o.source(t, 250, func() uint64 { return received })
		for range 3 {
			sent, err := s.Send(t.Context(), Order{For: time.Second})
			if err != nil || sent.Count != 250 {
				t.Fatalf("sent %+v, %v, want 250", sent, err)
			}
			received += 250
		}
	})
}

func TestSourceEnds(t *testing.T) {
	t.Parallel()
	o := &outlet{err: errors.New("spool is gone")}
	s := o.source(t, 1, func() uint64 { return 0 })
	if _, err := s.Send(t.Context(), Order{For: time.Hour}); !errors.Is(err, o.err) {
		t.Errorf("got %v, want %v", err, o.err)
	}
}

func TestSourceOptions(t *testing.T) {
	t.Parallel()
	_, err := NewSource(SourceOptions{Topic: "a//b"})
	for _, want := range []string{`topic "a//b" has an empty level`, "devices 0: want", "class Class(0): want", "window of 0 messages: want", "are required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
