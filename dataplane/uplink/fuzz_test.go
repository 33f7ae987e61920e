package uplink_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// FuzzReceiver feeds messages from three peers, one of which never says
// HELLO, and any time: nothing panics, and nobody without a session is
// answered.
func FuzzReceiver(f *testing.F) {
	c := newCloud(f, uplink.ReceiverOptions{})
	seed := func(script ...dataplane.Frame) {
		var b []byte
		for i, frame := range script {
			one := dataplane.AppendFrame(nil, frame)
			b = append(b, byte(i), byte(len(one)>>8), byte(len(one)))
			b = append(b, one...)
		}
		f.Add(b)
	}
	seed(hello("edge-1/mapper", 1, dataplane.RT, 5), c.data(101, dataplane.RT, 5, 1, 3), &dataplane.Ping{})
	seed(hello("edge-1/mapper", 1, dataplane.BT, 5), c.data(101, dataplane.BT, 5, 2, 3), &dataplane.Bye{})
	seed(&dataplane.Gap{Session: 101, Lane: dataplane.RT, Epoch: 5, From: 1, To: 9}, hello("a/b", 2, dataplane.RT, 9), &dataplane.Control{})
	f.Fuzz(func(t *testing.T, script []byte) {
		c := newCloud(t, uplink.ReceiverOptions{Budget: 1000, MaxWeight: 5000, DurableLag: time.Second})
		for len(script) >= 3 {
			who, n := script[0], int(script[1])<<8|int(script[2])
			b := script[3:min(3+n, len(script))]
			script = script[3+len(b):]
			if who >= 128 {
				b = mend(b)
			}
			c.feed(uplink.Peer("peer-"+string('0'+who%3)), b)
			c.now = c.now.Add(time.Duration(who) * time.Second / 8)
		}
	})
}

// mend makes a frame of what has the length of one, so that not all that is
// made up is turned away for its CRC.
func mend(b []byte) []byte {
	const header, trailer = 14, 4
	if len(b) < header+trailer {
		return b
	}
	b = slices.Clone(b)
	sum := len(b) - trailer
	copy(b, "DS\x01")
	binary.BigEndian.PutUint32(b[10:], uint32(sum-header)-binary.BigEndian.Uint32(b[6:]))
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(b[:sum], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// feed gives one message to the cloud and stores what it brings.
func (c *cloud) feed(from uplink.Peer, b []byte) {
	frame, _ := dataplane.DecodeFrame(b)
	_, greets := frame.(*dataplane.Hello)
	before := c.known(from)
	replies, a := c.Receive(from, b, c.now)
	if len(framesTo(from, replies)) > 0 && !before && !greets {
		c.t.Fatalf("a peer without a session is answered by %+v", replies)
	}
	if a == nil {
		return
	}
	if !before || a.First == 0 || a.Last < a.First || (a.Gap == nil && uint64(len(a.Messages)) != a.Last-a.First+1) {
		c.t.Fatalf("accepted %+v", a)
	}
	c.Stored([]*uplink.Accepted{a}, c.now)
	c.Tick(c.now)
}

// known tells whether a peer has a session, by saying goodbye to all.
func (c *cloud) known(p uplink.Peer) bool { return len(framesTo(p, c.Goodbye(""))) > 0 }
