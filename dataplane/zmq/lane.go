package zmq

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// Socket options of the uplink; see also Router.
const (
	sendHWM         = 16 // frames: the protocol's window is the queue, not the socket
	heartbeatEvery  = 5 * time.Second
	heartbeatAnswer = 15 * time.Second
	byeLinger       = 200 * time.Millisecond
)

// lane keeps one lane's connection to cloudsvc: it dials, lets a Sender
// speak, and after each end waits and dials again.
type lane struct {
	zctx     *zmq.Context
	endpoint string
	sender   uplink.SenderOptions
	waker    *waker
	log      klog.Logger

	connected atomic.Bool
	stored    dataplane.Mark // the last mark of a Sender that ended
	told      string         // the last reason logged, so that a repeated one is not
}

// run works until stop ends and all is delivered, or until giveUp ends. The RT
// lane dials at once, as it makes the publisher known; BT when it is needed.
func (l *lane) run(stop, giveUp context.Context) {
	defer l.waker.close()
	if l.sender.Lane == dataplane.BT && !l.needed(stop) {
		return
	}
	for failures := 0; ; failures++ {
		streamed, err := l.connect(stop, giveUp)
		if err == nil {
			return
		}
		if streamed {
			failures = 0
		}
		var end *uplink.EndError
		wait := backoff(failures, jitter)
		if errors.As(err, &end) && end.RetryAfter > 0 {
			wait = end.RetryAfter
		}
		l.tell(err)
		select {
		case <-time.After(wait):
		case <-giveUp.Done():
			return
		}
	}
}

// needed waits for the lane's first record. It returns false if there was
// none until stop ended.
func (l *lane) needed(stop context.Context) bool {
	unhook := context.AfterFunc(stop, l.waker.wake)
	defer unhook()
	poller := zmq.NewPoller()
	poller.Add(l.waker.receive, zmq.POLLIN)
	for {
		if some, _ := l.sender.Queue.Waiting(dataplane.Mark{}, 1, 1); some {
			return true
		}
		if stop.Err() != nil {
			return false
		}
		if _, err := poller.Poll(-1); err != nil {
			l.log.Error(err, "poll")
			return false
		}
		l.waker.woken()
	}
}

// tell logs why a connection ended, unless the last one ended alike.
func (l *lane) tell(err error) {
	if reason := err.Error(); reason != l.told {
		l.told = reason
		l.log.Info("uplink is down; records are kept and sent when it is back", "lane", l.sender.Lane, "cloudsvc", l.endpoint, "reason", reason)
	}
}

// connect makes one connection and stays with it. It returns nil when the
// work is done, and otherwise why it ended and whether it ever streamed.
func (l *lane) connect(stop, giveUp context.Context) (streamed bool, err error) {
	c, err := l.dial()
	if err != nil {
		return false, err
	}
	defer c.close()
	// Both contexts are looked at after each poll.
	defer context.AfterFunc(stop, l.waker.wake)()
	defer context.AfterFunc(giveUp, l.waker.wake)()
	defer l.connected.Store(false)
	err = c.converse(stop, giveUp)
	if c.sender.Streaming() {
		l.stored = c.sender.Stored()
	}
	return c.sender.Streaming(), err
}

// undelivered returns how many accepted records cloudsvc is not known to have
// stored, not counting what a connection that is open has brought.
func (l *lane) undelivered() int {
	held := l.sender.Queue.Held()
	last := held[len(held)-1]
	first := last.First
	if l.stored.Epoch == last.Epoch && l.stored.Seq >= first {
		first = l.stored.Seq + 1
	}
	return int(last.Last + 1 - first)
}

// connection is one DEALER and what is said over it.
type connection struct {
	*lane
	socket  *zmq.Socket
	monitor *zmq.Socket
	sender  *uplink.Sender
	poller  *zmq.Poller
	id      int    // the socket's in the poller
	pending []byte // a frame that the socket had no room for
}

func (l *lane) dial() (*connection, error) {
	c := &connection{lane: l, sender: uplink.NewSender(l.sender, time.Now())}
	if err := c.open(); err != nil {
		c.close()
		return nil, fmt.Errorf("dial %s: %w", l.endpoint, err)
	}
	return c, nil
}

func (c *connection) open() (err error) {
	if c.socket, err = c.zctx.NewSocket(zmq.DEALER); err != nil {
		return err
	}
	err = errors.Join(
		c.socket.SetLinger(0),
		c.socket.SetImmediate(true),
		c.socket.SetSndhwm(sendHWM),
		c.socket.SetMaxmsgsize(dataplane.MaxFrame),
		c.socket.SetHeartbeatIvl(heartbeatEvery),
		c.socket.SetHeartbeatTimeout(heartbeatAnswer),
	)
	if err != nil {
		return err
	}
	// The monitor tells at once when the connection breaks: ZeroMQ would make a
	// new one under the same socket, where the session is not known.
	name := fmt.Sprintf("inproc://monitor-%p", c)
	if err = c.socket.Monitor(name, zmq.EVENT_CONNECTED|zmq.EVENT_DISCONNECTED); err != nil {
		return err
	}
	if c.monitor, err = c.zctx.NewSocket(zmq.PAIR); err != nil {
		return err
	}
	if err = c.monitor.Connect(name); err != nil {
		return err
	}
	c.poller = zmq.NewPoller()
	c.id = c.poller.Add(c.socket, zmq.POLLIN)
	c.poller.Add(c.waker.receive, zmq.POLLIN)
	c.poller.Add(c.monitor, zmq.POLLIN)
	return c.socket.Connect(c.endpoint)
}

func (c *connection) close() {
	if c.socket != nil {
		_ = c.socket.Close()
	}
	if c.monitor != nil {
		_ = c.monitor.Close()
	}
}

// converse sends and receives until the connection ends, or until stop has
// ended and all is delivered, or giveUp has ended.
func (c *connection) converse(stop, giveUp context.Context) error {
	for {
		if err := c.send(); err != nil {
			return err
		}
		if giveUp.Err() != nil {
			return nil
		}
		if stop.Err() != nil {
			c.sender.Drain()
			if err := c.send(); err != nil {
				return err
			}
			if c.sender.Idle() {
				c.goodbye()
				return nil
			}
			if !c.sender.Streaming() && c.undelivered() == 0 {
				return nil
			}
		}
		if err := c.wait(); err != nil {
			return err
		}
	}
}

// send gives the socket all that the Sender has and the socket takes.
func (c *connection) send() error {
	for {
		if c.pending == nil {
			var err error
			if c.pending, err = c.sender.Next(time.Now()); err != nil {
				return err
			}
			if c.pending == nil {
				return nil
			}
		}
		_, err := c.socket.SendBytes(c.pending, zmq.DONTWAIT)
		if wouldBlock(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("send to %s: %w", c.endpoint, err)
		}
		c.pending = nil
	}
}

// wait sleeps until there is something to do, and takes what came in.
func (c *connection) wait() error {
	events := zmq.POLLIN
	if c.pending != nil {
		events |= zmq.POLLOUT
	}
	if _, err := c.poller.Update(c.id, events); err != nil {
		return err
	}
	// Rounded up, as zmq_poll counts milliseconds: a deadline is then over.
	sleep := max(time.Until(c.sender.Due()), 0).Truncate(time.Millisecond) + time.Millisecond
	polled, err := c.poller.Poll(sleep)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	for _, p := range polled {
		switch p.Socket {
		case c.socket:
			err = c.receive()
		case c.monitor:
			err = c.observe()
		default:
			c.waker.woken()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// receive takes all frames that have come.
func (c *connection) receive() error {
	for {
		b, err := c.socket.RecvBytes(zmq.DONTWAIT)
		if wouldBlock(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive from %s: %w", c.endpoint, err)
		}
		f, err := dataplane.DecodeFrame(b)
		if err != nil {
			return &uplink.EndError{Reason: fmt.Sprintf("cloudsvc at %s sent what is no frame: %v", c.endpoint, err)}
		}
		was := c.sender.Streaming()
		if err := c.sender.Receive(f, time.Now()); err != nil {
			return err
		}
		if !was && c.sender.Streaming() {
			c.connected.Store(true)
			c.told = ""
			c.log.Info("uplink is up", "lane", c.lane.sender.Lane, "cloudsvc", c.endpoint)
		}
	}
}

// observe takes what the monitor tells of the TCP connection.
func (c *connection) observe() error {
	for {
		event, _, _, err := c.monitor.RecvEvent(zmq.DONTWAIT)
		if err != nil {
			return nil // nothing more to tell
		}
		if event == zmq.EVENT_DISCONNECTED {
			return &uplink.EndError{Reason: "the connection to " + c.endpoint + " broke"}
		}
	}
}

// goodbye tells cloudsvc that this publisher is leaving, so that another one
// of its name is let in at once.
func (c *connection) goodbye() {
	_ = c.socket.SetLinger(byeLinger)
	_, _ = c.socket.SendBytes(dataplane.AppendFrame(nil, &dataplane.Bye{Reason: "the mapper is stopping"}), zmq.DONTWAIT)
}
