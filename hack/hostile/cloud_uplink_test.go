package hostile

import (
	"fmt"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// TestCloudUplink attacks cloudsvc's ROUTER. What single frames bring about is
// tried out in package uplink; here is a choice of them, and what only a
// process can show.
func TestCloudUplink(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	t.Run("garbage", s.uplinkGarbage)
	t.Run("frames", s.uplinkFrames)
	t.Run("names", s.uplinkNames)
	t.Run("floods", s.uplinkFloods)
	// 256 MiB may be accepted and not stored, and 32 MiB are kept for who resumes.
	// There may be as much garbage, and the race detector makes three times of it.
	s.holds(2000)
}

func (s *siege) uplinkGarbage(t *testing.T) {
	for name, words := range map[string][]string{
		"HTTP":                       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		"TLS":                        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 512)},
		"a greeting, then garbage":   {zmtpGreeting, strings.Repeat("\xff", 1000)},
		"a mechanism nobody knows":   {strings.Replace(zmtpGreeting, "NULL", "EVIL", 1), zmtpFrame(zmtpCommand, zmtpReady)},
		"READY cut":                  {zmtpGreeting, zmtpFrame(zmtpCommand, zmtpReady[:20])},
		"a socket type nobody knows": {zmtpGreeting, zmtpFrame(zmtpCommand, strings.Replace(zmtpReady, "DEALER", "EVILER", 1))},
		"a frame of 2^63 bytes":      {zmtpGreeting, zmtpFrame(zmtpCommand, zmtpReady), "\x02\x80\x00\x00\x00\x00\x00\x00\x00"},
		"a frame of 8 MiB and one":   {zmtpGreeting, zmtpFrame(zmtpCommand, zmtpReady), "\x02\x00\x00\x00\x00\x00\x80\x00\x01"},
		"a command nobody knows":     {zmtpGreeting, zmtpFrame(zmtpCommand, zmtpReady), zmtpFrame(zmtpCommand, "\x04EVIL")},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.Uplink).send(words...)
			_ = c.conn.CloseWrite()
			for {
				if _, err := c.r.ReadByte(); err != nil {
					break // ZeroMQ ends the connection, with its greeting or without
				}
			}
		})
	}
	s.flows("among garbage")
}

func (s *siege) uplinkFrames(t *testing.T) {
	t.Run("before HELLO nobody is answered", func(t *testing.T) {
		p := dialZMTP(t, s.Uplink)
		p.say(p.data(dataplane.RT, 1, 3, "x"), &dataplane.Ping{}, &dataplane.Gap{Session: 1, Lane: dataplane.RT, Epoch: 5, From: 1, To: 9})
		p.send(zmtpFrame(0, "not a frame"), zmtpFrame(0, ""))
		p.send(zmtpFrame(zmtpMore, "a"), zmtpFrame(zmtpMore, "b"), zmtpFrame(0, "c"))
		p.silent()
		p.greet("stranger/mapper", dataplane.RT) // and may still come
	})
	for name, tt := range map[string]struct {
		say  func(p *zmtpPeer) string
		text string
	}{
		"cut":            {func(p *zmtpPeer) string { return raw(p.data(dataplane.RT, 1, 3, "x"))[:30] }, "malformed: "},
		"wrong CRC":      {func(*zmtpPeer) string { b := raw(&dataplane.Ping{}); return b[:len(b)-1] + "\x00" }, "malformed: wrong CRC"},
		"wrong version":  {func(*zmtpPeer) string { b := raw(&dataplane.Ping{}); return b[:2] + "\x02" + b[3:] }, "malformed: frame version 2: this is version 1"},
		"for the edge":   {func(*zmtpPeer) string { return raw(&dataplane.Ack{}) }, "malformed: ACK is the cloud's to send"},
		"declared large": {func(p *zmtpPeer) string { d := p.data(dataplane.RT, 1, 3, "x"); d.RawSize = 1 << 60; return raw(d) }, "raw size 1152921504606846976 is more than 8388352"},
		"going back":     {func(p *zmtpPeer) string { d := p.data(dataplane.RT, 1, 3, "x"); d.First, d.Last = 3, 1; return raw(d) }, "records 3 to 1: want sequences that rise"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialZMTP(t, s.Uplink).greet("attacker/mapper", dataplane.RT)
			p.send(zmtpFrame(0, tt.say(p)))
			p.refused(dataplane.RefuseMalformed, strings.TrimPrefix(tt.text, "malformed: "))
		})
	}
	t.Run("again what is there, and what is not", func(t *testing.T) {
		p := dialZMTP(t, s.Uplink).greet("repeater/mapper", dataplane.RT)
		p.say(p.data(dataplane.RT, 1, 3, "x"), p.data(dataplane.RT, 1, 2, "x"), p.data(dataplane.RT, 9, 9, "x"))
		if nack, is := p.hear().(*dataplane.Nack); !is || nack.Expected != (dataplane.Mark{Epoch: 5, Seq: 4}) {
			t.Errorf("got %+v, want a NACK of 4", nack)
		}
	})
	s.flows("among wrong frames")
}

// raw returns a frame's bytes.
func raw(f dataplane.Frame) string { return string(dataplane.AppendFrame(nil, f)) }

func (s *siege) uplinkNames(t *testing.T) {
	t.Run("a name in use", func(t *testing.T) {
		p := dialZMTP(t, s.Uplink)
		for range 20 {
			claim := hello("neighbour/mapper", 66, dataplane.RT)
			claim.Epochs[0].Epoch = 1 << 50 // above the neighbour's own, which begins with the clock
			p.say(claim)
			p.refused(dataplane.RefuseInUse, "publisher neighbour/mapper is connected with another spool: is the same name given to two mappers?")
		}
		s.flows("while its name is claimed")
	})
	t.Run("a name that is kept", func(t *testing.T) {
		p := dialZMTP(t, s.Uplink)
		p.say(hello("http/anonymous", 1, dataplane.RT))
		p.refused(dataplane.RefuseUnauthorized, `publisher "http/anonymous": the node http is for what is published over HTTP`)
	})
	t.Run("10,500 names of one peer", func(t *testing.T) {
		// A name without records is forgotten with its session; the registry
		// lists 10,000 at most. What bounds those with records is tried out in
		// package uplink.
		p := dialZMTP(t, s.Uplink)
		for n := 0; n < 10_500; n += 100 { // as many as may wait to be heard
			for i := range 100 {
				p.say(hello(fmt.Sprintf("name-%d/mapper", n+i), 1, dataplane.RT))
			}
			for range 100 {
				if f := p.hear(); f.Type() != dataplane.TypeHelloOK {
					t.Fatalf("name %d is answered by %v %+v", n, f.Type(), f)
				}
			}
		}
		s.flows("among names")
	})
}

func (s *siege) uplinkFloods(t *testing.T) {
	t.Run("HELLO, and nobody listens", func(t *testing.T) {
		p := dialZMTP(t, s.Uplink)
		_ = p.conn.SetReadBuffer(4 << 10)
		one := zmtpFrame(0, raw(hello("deaf/mapper", 1, dataplane.RT)))
		p.send(strings.Repeat(one, 50_000))
		s.flows("while HELLO is shouted")
	})
	t.Run("records beyond all credit, of which compression makes much", func(t *testing.T) {
		const each, stored = 20_000, `datastub_cloudsvc_stored_messages_total{class="BT"}`
		p := dialZMTP(t, s.Uplink)
		bomb := p.data(dataplane.BT, 1, each, strings.Repeat("0", 400)) // which takes longer than a session waits
		p.greet("bomber/mapper", dataplane.BT)
		before := s.metric(t, stored)
		var bombs strings.Builder
		for bomb.Session = p.session; bomb.First < 40*each; bomb.First, bomb.Last = bomb.First+each, bomb.Last+each {
			bombs.WriteString(zmtpFrame(0, raw(bomb)))
		}
		p.send(bombs.String())
		p.say(&dataplane.Bye{})
		stack.Eventually(t, "what there is credit for is stored", func() bool { return s.metric(t, stored) >= before+each })
		s.flows("among bombs")
	})
	for _, tt := range []struct {
		name  string
		count int
		word  string
	}{
		{"say nothing", 10_000, ""},
		{"only greet", 1000, zmtpGreeting},
		{"only shake hands", 1000, zmtpGreeting + zmtpFrame(zmtpCommand, zmtpReady)},
	} {
		t.Run("connections that "+tt.name, func(t *testing.T) {
			closeAll := connect(t, s.Uplink, tt.count, tt.word)
			defer closeAll()
			letIn(t, s.Uplink, "late/mapper")
			s.flows("among connections that " + tt.name)
		})
	}
}
