package zmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	zmq "github.com/pebbe/zmq4"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// Socket options of the uplink; see also Router.
const (
	sendHWM         = 16 // frames: the protocol's window is the queue, not the socket
	heartbeatEvery  = 5 * time.Second
	heartbeatAnswer = 15 * time.Second
	byeLinger       = 200 * time.Millisecond
	// aliveEvery is how often a socket without room looks whether anybody is
	// still there.
	aliveEvery = time.Second
)

// connection is one DEALER and what is said over it.
type connection struct {
	lane    *lane
	sender  *uplink.Sender
	socket  *zmq.Socket
	monitor *monitor
	poller  *zmq.Poller
	id      int    // the socket's in the poller
	pending []byte // a frame that the socket had no room for
	reached bool   // somebody answered at the endpoint
}

func (l *lane) dial() (*connection, error) {
	l.dials.Add(1)
	c := &connection{lane: l, sender: uplink.NewSender(l.options, time.Now())}
	if err := c.open(); err != nil {
		c.close()
		return nil, fmt.Errorf("dial %s: %w", l.endpoint, err)
	}
	return c, nil
}

func (c *connection) open() (err error) {
	if c.socket, err = c.lane.zctx.NewSocket(zmq.DEALER); err != nil {
		return err
	}
	err = errors.Join(
		c.socket.SetLinger(0),
		c.socket.SetImmediate(true),
		c.socket.SetSndhwm(sendHWM),
		c.socket.SetMaxmsgsize(dataplane.MaxFrame),
		c.socket.SetHeartbeatIvl(heartbeatEvery),
		c.socket.SetHeartbeatTimeout(heartbeatAnswer),
		// A connection that fails or breaks is over. ZeroMQ would make a new one
		// under the same socket, at a pace of its own, where the session is not
		// known; the lane dials again after a back-off.
		c.socket.SetReconnectIvl(-1),
	)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%v-%d", c.lane.options.Lane, c.lane.dials.Load())
	c.monitor, err = newMonitor(c.lane.zctx, c.socket, name, zmq.EVENT_CONNECTED|zmq.EVENT_CLOSED|zmq.EVENT_DISCONNECTED)
	if err != nil {
		return err
	}
	c.poller = zmq.NewPoller()
	c.id = c.poller.Add(c.socket, zmq.POLLIN)
	c.poller.Add(c.lane.waker.receive, zmq.POLLIN)
	c.poller.Add(c.monitor.events, zmq.POLLIN)
	return c.socket.Connect(c.lane.endpoint)
}

// close closes what is open.
func (c *connection) close() {
	if c.monitor != nil {
		c.monitor.close()
	}
	if c.socket != nil {
		_ = c.socket.Close()
	}
}

// converse sends and receives until the connection ends, or until ctx has
// ended and all is delivered, or giveUp has ended.
func (c *connection) converse(ctx, giveUp context.Context) error {
	for {
		if err := c.send(); err != nil {
			return err
		}
		if giveUp.Err() != nil {
			return nil
		}
		if ctx.Err() != nil {
			c.sender.Drain()
			if err := c.send(); err != nil {
				return err
			}
			if c.sender.Idle() {
				c.sender.ReportNow() // the counts that this start ends with
				if err := c.send(); err != nil {
					return err
				}
				c.goodbye()
				return nil
			}
			if !c.sender.Streaming() && (c.lane.kept() || c.lane.undelivered() == 0) {
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
	if err := c.sender.Alive(time.Now()); err != nil {
		return err
	}
	if c.lane.news.Swap(false) {
		c.sender.ReportNow()
	}
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
			return fmt.Errorf("send to %s: %w", c.lane.endpoint, err)
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
	if c.pending != nil {
		sleep = max(sleep, aliveEvery) // what else is due needs room first
	}
	polled, err := c.poller.Poll(sleep)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	for _, p := range polled {
		switch p.Socket {
		case c.socket:
			err = c.receive()
		case c.monitor.events:
			err = c.observe()
		default:
			c.lane.waker.woken()
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
			return fmt.Errorf("receive from %s: %w", c.lane.endpoint, err)
		}
		c.reached = true // the monitor's news may be unread
		f, err := dataplane.DecodeFrame(b)
		if err != nil {
			return &uplink.EndError{Reason: fmt.Sprintf("cloudsvc at %s sent what is no frame: %v", c.lane.endpoint, err)}
		}
		was := c.sender.Streaming()
		if err := c.sender.Receive(f, time.Now()); err != nil {
			return err
		}
		if !was && c.sender.Streaming() {
			c.lane.up()
		}
		if _, pong := f.(*dataplane.Pong); pong && c.lane.compared != nil {
			c.lane.compared()
		}
	}
}

// observe takes what the monitor tells of the TCP connection.
func (c *connection) observe() error {
	for {
		event, _, ok := c.monitor.next()
		if !ok {
			return nil
		}
		switch event {
		case zmq.EVENT_CONNECTED:
			c.reached = true
		case zmq.EVENT_CLOSED: // it was never open
			return c.unreached()
		case zmq.EVENT_DISCONNECTED:
			return &uplink.EndError{Reason: "the connection to " + c.lane.endpoint + " broke"}
		}
	}
}

// unreached says that nobody answers at the endpoint.
func (c *connection) unreached() error {
	return &uplink.EndError{Reason: "nobody answers at " + c.lane.endpoint + ": is cloudsvc running there, and is that its uplink?"}
}

// goodbye tells cloudsvc that this publisher is leaving, with nothing left to
// tell, and that another one of its name is to be let in at once.
func (c *connection) goodbye() {
	_ = c.socket.SetLinger(byeLinger)
	if end := c.sender.Finish(); end != nil {
		_, _ = c.socket.SendBytes(end, zmq.DONTWAIT)
	}
	_, _ = c.socket.SendBytes(dataplane.AppendFrame(nil, &dataplane.Bye{Reason: "the mapper is stopping"}), zmq.DONTWAIT)
}
