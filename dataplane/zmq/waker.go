package zmq

import (
	"fmt"
	"sync"
	"sync/atomic"

	zmq "github.com/pebbe/zmq4"
)

// waker calls a goroutine out of zmq_poll: the goroutine polls the receiving
// end, any other sends to it.
type waker struct {
	receive *zmq.Socket // the polling goroutine's
	called  atomic.Bool // a call is on its way: more would say nothing new

	mu   sync.Mutex
	send *zmq.Socket // nil once closed; used under mu, by one thread at a time, as ZeroMQ demands
}

// newWaker makes a waker with a name that is unique in its context.
func newWaker(zctx *zmq.Context, name string) (*waker, error) {
	endpoint := "inproc://wake-" + name
	receive, err := zctx.NewSocket(zmq.PAIR)
	if err != nil {
		return nil, fmt.Errorf("open the wake-up socket of %s: %w", name, err)
	}
	if err := receive.Bind(endpoint); err != nil {
		_ = receive.Close()
		return nil, fmt.Errorf("bind %s: %w", endpoint, err)
	}
	send, err := zctx.NewSocket(zmq.PAIR)
	if err == nil {
		err = send.Connect(endpoint)
	}
	if err != nil {
		_ = receive.Close()
		return nil, fmt.Errorf("connect %s: %w", endpoint, err)
	}
	return &waker{receive: receive, send: send}, nil
}

// wake makes the next or present poll return. It never blocks, and does
// nothing once the waker is closed.
func (w *waker) wake() {
	if !w.called.CompareAndSwap(false, true) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.send != nil {
		// At most one call is on its way, so there is always room.
		_, _ = w.send.SendBytes(nil, zmq.DONTWAIT)
	}
}

// woken takes the call. What was to be said by it is to be looked at after.
func (w *waker) woken() {
	for {
		if _, err := w.receive.RecvBytes(zmq.DONTWAIT); err != nil {
			break
		}
	}
	w.called.Store(false)
}

// close closes both ends. The polling goroutine calls it.
func (w *waker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.send.Close()
	w.send = nil
	_ = w.receive.Close()
}
