package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

const (
	// zmqSize is the bytes of a bare message: its id, its time, and padding.
	zmqSize = 200
	// zmqWait is how often a socket that waits looks whether it is to end.
	zmqWait = 100 * time.Millisecond
	// zmqJoin bounds the wait for the subscriber.
	zmqJoin = 10 * time.Second
)

// zmqOutlet is a bare PUB: the most that the transport can do. It is an XPUB,
// which is a PUB that tells when somebody has subscribed.
type zmqOutlet struct {
	zctx      *zmq.Context
	socket    *zmq.Socket
	numbering *numbering
	text      []byte
}

// newZMQOutlet binds, and waits for the subscriber.
func newZMQOutlet(s setup) (*zmqOutlet, error) {
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, err
	}
	o := &zmqOutlet{zctx: zctx, numbering: newNumbering(s)}
	if o.socket, err = zctx.NewSocket(zmq.XPUB); err != nil {
		return nil, err
	}
	// Nothing is dropped, as the window is what holds.
	err = errors.Join(o.socket.SetLinger(0), o.socket.SetSndhwm(0), o.socket.SetRcvtimeo(zmqJoin), o.socket.Bind(s.Address))
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", s.Address, err)
	}
	if _, err := o.socket.RecvBytes(0); err != nil {
		return nil, fmt.Errorf("wait for a subscriber at %s: %w", s.Address, err)
	}
	return o, nil
}

// Publish sends each message as one of ZeroMQ's.
func (o *zmqOutlet) Publish(messages []dataplane.Message) error {
	o.numbering.give(messages)
	for i := range messages {
		m := &messages[i]
		o.text = append(append(o.text[:0], m.ID.String()...), ' ')
		o.text = append(strconv.AppendInt(o.text, m.Time.UnixNano(), 10), ' ')
		o.text = append(o.text, make([]byte, zmqSize-len(o.text))...)
		if _, err := o.socket.SendBytes(o.text, 0); err != nil {
			return err
		}
	}
	return nil
}

// Run has nothing to do: the socket is the publishing goroutine's, and ends
// with the process.
func (o *zmqOutlet) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// zmqInlet is a bare SUB.
type zmqInlet struct {
	tally  *load.Tally
	zctx   *zmq.Context
	socket *zmq.Socket
}

func newZMQInlet(s setup, tally *load.Tally) (*zmqInlet, error) {
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, err
	}
	in := &zmqInlet{tally: tally, zctx: zctx}
	if in.socket, err = zctx.NewSocket(zmq.SUB); err != nil {
		return nil, err
	}
	err = errors.Join(in.socket.SetLinger(0), in.socket.SetRcvhwm(0), in.socket.SetRcvtimeo(zmqWait), in.socket.SetSubscribe(""), in.socket.Connect(s.Address))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.Address, err)
	}
	return in, nil
}

// Run reads messages.
func (in *zmqInlet) Run(ctx context.Context) error {
	parser := load.NewParser()
	for ctx.Err() == nil {
		b, err := in.socket.RecvBytes(0)
		if zmq.AsErrno(err) == zmq.Errno(syscall.EAGAIN) { // nothing has come
			continue
		}
		if err != nil {
			return err
		}
		a, err := parseBare(parser, b, time.Now())
		if err != nil {
			return err
		}
		in.tally.Add(a)
	}
	return errors.Join(in.socket.Close(), in.zctx.Term())
}

// parseBare reads what Publish writes.
func parseBare(parser *load.Parser, b []byte, at time.Time) (load.Arrival, error) {
	id, rest, _ := bytes.Cut(b, []byte(" "))
	nanos, _, _ := bytes.Cut(rest, []byte(" "))
	a := load.Arrival{At: at}
	var err error
	if a.ID, err = parser.ID(id); err != nil {
		return a, err
	}
	n, err := strconv.ParseInt(string(nanos), 10, 64)
	a.Time = time.Unix(0, n)
	return a, err
}
