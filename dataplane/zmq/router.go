package zmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// receiveBurst is how many frames are taken in before what is to be sent is
// looked at: acks must not wait for a flood to end.
const receiveBurst = 64

// handshakeTime is how long a connection may take to become one of ZeroMQ's.
const handshakeTime = 10 * time.Second

// backlog is how many connections may wait to be accepted: after a restart of
// cloudsvc every mapper comes at once, and one that finds it full tries again a
// second later.
const backlog = 4096

// A Handler takes what comes in at a Router. Its methods are called from the
// socket's goroutine, one at a time, and must not block.
type Handler interface {
	// Receive takes one frame; the bytes are the handler's.
	Receive(peer uplink.Peer, frame []byte)
	// Unreachable says that a peer's connection is gone, which is known when
	// something was to be sent to it.
	Unreachable(peer uplink.Peer)
}

// Router is cloudsvc's end of the uplink: a ROUTER that publishers dial.
type Router struct {
	zctx     *zmq.Context
	socket   *zmq.Socket
	waker    *waker
	gate     *gate
	endpoint string

	mu     sync.Mutex
	outbox []uplink.Reply
}

// NewRouter binds the socket. Run gives back what NewRouter took, or Close
// where Run is not called.
func NewRouter(endpoint string) (*Router, error) {
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, fmt.Errorf("make a ZeroMQ context: %w", err)
	}
	r := &Router{zctx: zctx}
	if err := r.open(endpoint); err != nil {
		r.Close()
		return nil, fmt.Errorf("bind the uplink to %s: %w", endpoint, err)
	}
	return r, nil
}

func (r *Router) open(endpoint string) (err error) {
	if r.waker, err = newWaker(r.zctx, "router"); err != nil {
		return err
	}
	if r.socket, err = r.zctx.NewSocket(zmq.ROUTER); err != nil {
		return err
	}
	if r.gate, err = newGate(r.zctx, r.socket); err != nil {
		return err
	}
	err = errors.Join(
		r.socket.SetLinger(0),
		r.socket.SetRouterMandatory(1), // a send to a peer that is gone is told
		r.socket.SetMaxmsgsize(dataplane.MaxFrame),
		r.socket.SetHandshakeIvl(handshakeTime),
		r.socket.SetBacklog(backlog),
		r.socket.SetHeartbeatIvl(heartbeatEvery),
		r.socket.SetHeartbeatTimeout(heartbeatAnswer),
		r.socket.Bind(endpoint),
	)
	if err != nil {
		return err
	}
	if r.endpoint, err = r.socket.GetLastEndpoint(); err != nil {
		return err
	}
	return r.gate.listen(r.endpoint)
}

// Close gives back what NewRouter took, where Run is not called.
func (r *Router) Close() {
	if r.waker != nil {
		r.waker.close()
	}
	if r.gate != nil {
		r.gate.monitor.close()
	}
	if r.socket != nil {
		_ = r.socket.Close()
	}
	_ = r.zctx.Term()
}

// Endpoint returns where the socket is bound, with the port that a 0 or a *
// became.
func (r *Router) Endpoint() string { return r.endpoint }

// Send sends replies, in order. It never blocks, and may be called from any
// goroutine, a Handler's methods included.
func (r *Router) Send(replies []uplink.Reply) {
	if len(replies) == 0 {
		return
	}
	r.mu.Lock()
	r.outbox = append(r.outbox, replies...)
	r.mu.Unlock()
	r.waker.wake()
}

// Run hands what comes in to the handler until ctx ends; then it sends what
// is left to send and closes the socket. Run is called once.
func (r *Router) Run(ctx context.Context, handler Handler) error {
	defer r.Close()
	unhook := context.AfterFunc(ctx, r.waker.wake)
	defer unhook()
	poller := zmq.NewPoller()
	poller.Add(r.socket, zmq.POLLIN)
	poller.Add(r.waker.receive, zmq.POLLIN)
	poller.Add(r.gate.monitor.events, zmq.POLLIN)
	for ctx.Err() == nil {
		if _, err := poller.Poll(-1); err != nil {
			return fmt.Errorf("poll the uplink: %w", err)
		}
		r.waker.woken()
		r.gate.observe()
		if err := r.receive(handler); err != nil {
			return err
		}
		r.flush(handler)
	}
	r.flush(handler)
	return r.socket.SetLinger(byeLinger)
}

// receive takes in a burst of frames.
func (r *Router) receive(handler Handler) error {
	for range receiveBurst {
		parts, err := r.socket.RecvMessageBytes(zmq.DONTWAIT)
		if wouldBlock(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive on the uplink: %w", err)
		}
		if len(parts) == 2 { // the identity that ZeroMQ gave, and one frame
			handler.Receive(uplink.Peer(parts[0]), parts[1])
		}
	}
	return nil
}

// flush sends what is in the outbox. A peer whose socket is full loses an
// ack, which the next one makes good.
func (r *Router) flush(handler Handler) {
	for {
		r.mu.Lock()
		replies := r.outbox
		r.outbox = nil
		r.mu.Unlock()
		if len(replies) == 0 {
			return
		}
		for _, reply := range replies {
			b := dataplane.AppendFrame(nil, reply.Frame)
			_, err := r.socket.SendMessageDontwait([]byte(reply.To), b)
			if zmq.AsErrno(err) == zmq.Errno(syscall.EHOSTUNREACH) {
				handler.Unreachable(reply.To)
			}
		}
	}
}

// wouldBlock tells whether a socket had nothing to give or no room to take.
func wouldBlock(err error) bool { return zmq.AsErrno(err) == zmq.Errno(syscall.EAGAIN) }
