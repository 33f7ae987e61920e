package zmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// steady is how long a connection must hold for the next failure to count as
// the first: one that breaks at once, again and again, is not dialled in haste.
const steady = 10 * time.Second

// Seconds, and tries, after which TCP finds that a silent peer is gone: 35 s.
const (
	keepaliveIdle  = 15
	keepaliveEvery = 5
	keepaliveTries = 4
)

// sourceEvents tell that a source is connected, or is not any more.
const sourceEvents = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CLOSED | zmq.EVENT_DISCONNECTED |
	zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_AUTH

// source is one PUB socket that a Subscriber reads: the target, and the
// sockets while it is dialled or connected.
type source struct {
	target
	name    string
	giveUp  context.CancelFunc // ends the search for the address
	socket  *zmq.Socket        // nil: not dialled
	monitor *monitor

	// due is when to dial, or, once dialled, to give up; zero: nothing is due.
	due      time.Time
	since    time.Time // when it was connected; zero: it is not
	failures int       // in a row
}

// open dials an endpoint. After an error, close is still to be called.
func (s *source) open(zctx *zmq.Context, dial int, endpoint string, o *SubscriberOptions) (err error) {
	if s.socket, err = zctx.NewSocket(zmq.SUB); err != nil {
		return fmt.Errorf("open a socket for %s: %w", s.endpoint, err)
	}
	err = errors.Join(
		s.socket.SetLinger(0),
		s.socket.SetRcvhwm(o.Queue),
		s.socket.SetMaxmsgsize(o.MaxFrame),
		s.socket.SetReconnectIvl(-1), // the Subscriber dials, after a back-off and another look at the address
		// A peer that vanished is found by TCP, as not every library that writes
		// PUB sockets knows ZeroMQ's heartbeats.
		s.socket.SetTcpKeepalive(1),
		s.socket.SetTcpKeepaliveIdle(keepaliveIdle),
		s.socket.SetTcpKeepaliveIntvl(keepaliveEvery),
		s.socket.SetTcpKeepaliveCnt(keepaliveTries),
		s.socket.SetIpv6(true), // IPv4 as well
	)
	for _, prefix := range s.prefixes {
		err = errors.Join(err, s.socket.SetSubscribe(prefix))
	}
	if len(s.prefixes) == 0 {
		err = errors.Join(err, s.socket.SetSubscribe(""))
	}
	if err != nil {
		return fmt.Errorf("set up the socket for %s: %w", s.endpoint, err)
	}
	if s.monitor, err = newMonitor(zctx, s.socket, fmt.Sprintf("source-%d", dial), sourceEvents); err != nil {
		return err
	}
	if err := s.socket.Connect(endpoint); err != nil {
		return fmt.Errorf("dial %s: %w", s.endpoint, err)
	}
	return nil
}

// sockets returns those that are open.
func (s *source) sockets() (open []*zmq.Socket) {
	if s.socket != nil {
		open = append(open, s.socket)
	}
	if s.monitor != nil {
		open = append(open, s.monitor.events)
	}
	return open
}

// close closes the sockets, if there are any.
func (s *source) close() {
	if s.monitor != nil {
		s.monitor.close()
	}
	if s.socket != nil {
		_ = s.socket.Close()
	}
	s.socket, s.monitor = nil, nil
	if !s.since.IsZero() && time.Since(s.since) > steady {
		s.failures = 0
	}
	s.since = time.Time{}
}

func (s *source) connected(now time.Time) {
	s.since = now
	s.due = time.Time{}
}

// receive hands over what has come, at most so many messages: another source
// waits for its turn.
func (s *source) receive(most int, receive func(source string, frames [][]byte)) {
	for range most {
		frames, err := s.socket.RecvMessageBytes(zmq.DONTWAIT)
		if err != nil {
			return // nothing more has come
		}
		receive(s.name, frames)
	}
}

// explain says what the event of an end means.
func (s *source) explain(event zmq.Event) error {
	switch {
	case event == zmq.EVENT_CLOSED:
		return fmt.Errorf("nobody answers at %s: want the address of a PUB socket that is bound", s.endpoint)
	case s.since.IsZero():
		return fmt.Errorf("what answers at %s is no PUB socket", s.endpoint)
	}
	return fmt.Errorf("the connection to %s broke", s.endpoint)
}
