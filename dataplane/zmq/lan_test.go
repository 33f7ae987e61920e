package zmq

import (
	"errors"
	"strings"
	"testing"

	zmq "github.com/pebbe/zmq4"

	"datastub/dataplane"
)

// TestLANIsBounded offers more than may wait, to a LAN that publishes nothing:
// few large messages, and many small ones. One alone always may wait.
func TestLANIsBounded(t *testing.T) {
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zctx.Term() }()
	for _, tt := range []struct {
		name          string
		bytes, offers int
		waiting       int
	}{
		{"large", 1 << 20, 40, 15}, // each is some bytes larger than its value
		{"small", 10, lanQueue + 7, lanQueue},
		{"larger than all", lanBytes + 1, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := newLAN(zctx, "tcp://127.0.0.1:"+freePort(t), false)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.socket.Close() }()
			message := dataplane.Message{Value: dataplane.StringValue(strings.Repeat("x", tt.bytes))}
			for range tt.offers {
				l.offer([]dataplane.Message{message})
			}
			if got := len(l.queue); got != tt.waiting {
				t.Errorf("waiting: got %d, want %d", got, tt.waiting)
			}
			if got, want := l.dropped.Load(), uint64(tt.offers-tt.waiting); got != want {
				t.Errorf("dropped: got %d, want %d", got, want)
			}
			if got, want := l.bytes.Load(), int64(tt.waiting*message.Size()); got != want {
				t.Errorf("bytes waiting: got %d, want %d", got, want)
			}
		})
	}
}

func TestLANInUse(t *testing.T) {
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zctx.Term() }()
	endpoint := "tcp://127.0.0.1:" + freePort(t)
	first, err := newLAN(zctx, endpoint, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.socket.Close() }()
	if _, err := newLAN(zctx, endpoint, false); !errors.Is(err, ErrLANInUse) || !strings.Contains(err.Error(), endpoint) {
		t.Errorf("got %v, want ErrLANInUse with the endpoint", err)
	}
}
