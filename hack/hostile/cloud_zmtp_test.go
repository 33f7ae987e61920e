package hostile

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// A zmtpPeer is a DEALER that we wrote ourselves, by ZMTP 3.0 (RFC 23/ZMTP)
// with the NULL mechanism, so that it may break every rule.
type zmtpPeer struct {
	*client
	publisher string
	session   uint64
}

// The flags of a ZMTP frame.
const (
	zmtpMore    = 1
	zmtpLong    = 2
	zmtpCommand = 4
)

const zmtpGreeting = "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

const zmtpReady = "\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"

// dialZMTP connects and shakes hands.
func dialZMTP(t *testing.T, address string) *zmtpPeer {
	t.Helper()
	p := &zmtpPeer{client: dial(t, address)}
	if err := p.shakeHands(); err != nil {
		t.Fatalf("shake hands with cloudsvc: %v", err)
	}
	return p
}

func (p *zmtpPeer) shakeHands() error {
	p.send(zmtpGreeting, zmtpFrame(zmtpCommand, zmtpReady))
	if _, err := io.ReadFull(p.r, make([]byte, len(zmtpGreeting))); err != nil {
		return err
	}
	_, _, err := p.frame()
	return err
}

// letIn comes again and again, as a mapper does where cloudsvc has as many
// connections as may be, until it is granted a session.
func letIn(t *testing.T, address, publisher string) {
	t.Helper()
	stack.Eventually(t, publisher+" is let in", func() bool {
		p := &zmtpPeer{client: dial(t, address)}
		if p.shakeHands() != nil {
			return false
		}
		p.say(hello(publisher, 1, dataplane.RT))
		flags, _, err := p.frame()
		return err == nil && flags&zmtpCommand == 0
	})
}

// zmtpFrame returns one frame.
func zmtpFrame(flags byte, body string) string {
	if len(body) < 256 {
		return string([]byte{flags, byte(len(body))}) + body
	}
	return string(binary.BigEndian.AppendUint64([]byte{flags | zmtpLong}, uint64(len(body)))) + body
}

// frame reads one frame.
func (p *zmtpPeer) frame() (flags byte, body []byte, err error) {
	if flags, err = p.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := make([]byte, 1)
	if flags&zmtpLong != 0 {
		size = make([]byte, 8)
	}
	if _, err = io.ReadFull(p.r, size); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint64(append(make([]byte, 8-len(size)), size...))
	body = make([]byte, n)
	_, err = io.ReadFull(p.r, body)
	return flags &^ zmtpLong, body, err
}

// say sends frames of the uplink's, a message each.
func (p *zmtpPeer) say(frames ...dataplane.Frame) {
	for _, f := range frames {
		p.send(zmtpFrame(0, string(dataplane.AppendFrame(nil, f))))
	}
}

// hear returns the next frame of the uplink's that is no ACK.
func (p *zmtpPeer) hear() dataplane.Frame {
	p.t.Helper()
	for {
		flags, body, err := p.frame()
		if err != nil {
			p.t.Fatalf("hear from cloudsvc: %v", err)
		}
		if flags&zmtpCommand != 0 {
			continue
		}
		f, err := dataplane.DecodeFrame(body)
		if err != nil {
			p.t.Fatalf("cloudsvc says %x: %v", body, err)
		}
		if _, ack := f.(*dataplane.Ack); !ack {
			return f
		}
	}
}

// hello returns a HELLO for a lane.
func hello(publisher string, spool byte, lane dataplane.Class) *dataplane.Hello {
	return &dataplane.Hello{
		Publisher: publisher, Spool: dataplane.SpoolID{spool}, Lane: lane, MinVersion: 1, MaxVersion: 1,
		Epochs: []dataplane.EpochRange{{Epoch: 5, First: 1}}, Software: "hostile",
	}
}

// greet opens a session.
func (p *zmtpPeer) greet(publisher string, lane dataplane.Class) *zmtpPeer {
	p.t.Helper()
	p.say(hello(publisher, 1, lane))
	f := p.hear()
	ok, is := f.(*dataplane.HelloOK)
	if !is {
		p.t.Fatalf("HELLO of %s is answered by %v %+v", publisher, f.Type(), f)
	}
	p.publisher, p.session = publisher, ok.Session
	return p
}

// refused waits for the end of the session, and holds its reason against a
// part of it.
func (p *zmtpPeer) refused(code dataplane.RefuseCode, text string) {
	p.t.Helper()
	f := p.hear()
	if refuse, is := f.(*dataplane.Refuse); !is || refuse.Code != code || !strings.Contains(refuse.Text, text) {
		p.t.Errorf("got %v %+v, want REFUSE (%v): %s", f.Type(), f, code, text)
	}
}

// silent fails if anything but commands is said within a second that a PING
// of ZeroMQ's own takes there and back: everything sent before it is dealt
// with by then.
func (p *zmtpPeer) silent() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
	defer func() { _ = p.conn.SetReadDeadline(time.Now().Add(patience)) }()
	for {
		flags, body, err := p.frame()
		switch {
		case isTimeout(err):
			return
		case err != nil:
			p.t.Fatalf("the connection ended: %v", err)
		case flags&zmtpCommand == 0:
			p.t.Fatalf("cloudsvc says %x to who has no session", body)
		}
	}
}

// data returns records first to last of one RT series.
func (p *zmtpPeer) data(lane dataplane.Class, first, last uint64, value string) *dataplane.Data {
	p.t.Helper()
	packer, err := dataplane.NewPacker()
	if err != nil {
		p.t.Fatal(err)
	}
	batch := &dataplane.Batch{Class: lane, Epoch: 5, First: first}
	for seq := first; seq <= last; seq++ {
		batch.Messages = append(batch.Messages, dataplane.Message{
			Namespace: "default", Topic: "hostile", Device: "d", Class: lane, Seq: seq, Time: time.Now(), Value: dataplane.StringValue(value),
		})
	}
	d, err := packer.Pack(batch)
	if err != nil {
		p.t.Fatal(err)
	}
	d.Session = p.session
	return d
}

// connect opens so many TCP connections, each of which is given a first word,
// and returns what closes them.
func connect(t *testing.T, address string, count int, word string) (closeAll func()) {
	t.Helper()
	var all []net.Conn
	for n := range count {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		all = append(all, conn)
		if _, err := io.WriteString(conn, word); err != nil && !strings.Contains(fmt.Sprint(err), "reset") {
			t.Fatalf("connection %d: %v", n, err)
		}
	}
	return func() {
		for _, conn := range all {
			_ = conn.Close()
		}
	}
}
