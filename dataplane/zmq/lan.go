package zmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	zmq "github.com/pebbe/zmq4"

	"datastub/dataplane"
)

// What may wait for the LAN socket: a burst of all devices of a node. When it
// is full the newest are dropped for the LAN, which is best effort, and
// counted.
const (
	lanQueue = 4096     // publishes
	lanBytes = 16 << 20 // of their messages
)

// ErrLANInUse says that another process is bound to the LAN's endpoint.
var ErrLANInUse = errors.New("address already in use")

// lan publishes messages to applications on the edge's LAN.
type lan struct {
	socket *zmq.Socket
	text   bool // "topic SP json" in one frame
	queue  chan []dataplane.Message
	bytes  atomic.Int64 // of what is in the queue
	// Messages since the start.
	published, dropped atomic.Uint64
}

func newLAN(zctx *zmq.Context, endpoint string, text bool) (*lan, error) {
	socket, err := zctx.NewSocket(zmq.PUB)
	if err != nil {
		return nil, fmt.Errorf("open the LAN socket: %w", err)
	}
	if err := errors.Join(socket.SetLinger(0), socket.Bind(endpoint)); err != nil {
		_ = socket.Close()
		if errors.Is(err, zmq.Errno(syscall.EADDRINUSE)) {
			err = ErrLANInUse
		}
		return nil, fmt.Errorf("bind the LAN socket to %s: %w", endpoint, err)
	}
	return &lan{socket: socket, text: text, queue: make(chan []dataplane.Message, lanQueue)}, nil
}

// offer hands messages over. It never blocks.
func (l *lan) offer(messages []dataplane.Message) {
	size := sizeOf(messages)
	if waiting := l.bytes.Add(size); waiting > lanBytes && waiting > size {
		l.drop(size, len(messages))
		return
	}
	select {
	case l.queue <- slices.Clone(messages):
	default:
		l.drop(size, len(messages))
	}
}

func (l *lan) drop(bytes int64, messages int) {
	l.bytes.Add(-bytes)
	l.dropped.Add(uint64(messages))
}

func sizeOf(messages []dataplane.Message) (bytes int64) {
	for i := range messages {
		bytes += int64(messages[i].Size())
	}
	return bytes
}

// run publishes what is offered until ctx ends, and closes the socket.
func (l *lan) run(ctx context.Context) error {
	defer func() { _ = l.socket.Close() }()
	for {
		select {
		case messages := <-l.queue:
			for i := range messages {
				if err := l.publish(&messages[i]); err != nil {
					return fmt.Errorf("publish on the LAN: %w", err)
				}
				l.published.Add(1)
			}
			l.bytes.Add(-sizeOf(messages))
		case <-ctx.Done():
			return nil
		}
	}
}

// publish sends one message. A PUB socket drops what a subscriber is too slow
// for; it does not block.
func (l *lan) publish(m *dataplane.Message) error {
	if l.text {
		b := append([]byte(m.Topic), ' ')
		_, err := l.socket.SendBytes(m.AppendJSON(b), 0)
		return err
	}
	if _, err := l.socket.Send(m.Address(), zmq.SNDMORE); err != nil {
		return err
	}
	_, err := l.socket.SendBytes(m.AppendJSON(nil), 0)
	return err
}
