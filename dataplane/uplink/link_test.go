package uplink_test

import (
	"math/rand/v2"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// link is one simulated connection: frames arrive in order and late, or, once
// it is cut, never.
type link struct {
	peer uplink.Peer
	rng  *rand.Rand
	// Single frames vanish, which ZeroMQ does to the cloud's where a socket is
	// full, and NACK makes good for the edge's where others follow.
	lossyUp, lossyDown bool

	mute bool // half open: all frames vanish, and neither end is told
	cut  bool // both ends are told when they use it
	up   []packet
	down []packet

	// What the edge was granted and has sent, counted apart from the Sender.
	credit  uint64
	flights []sent
}

type packet struct {
	at    time.Time
	bytes []byte
}

type sent struct {
	mark  dataplane.Mark
	bytes uint64
}

func (l *link) sendUp(b []byte, now time.Time)   { l.send(&l.up, b, now, l.lossyUp) }
func (l *link) sendDown(b []byte, now time.Time) { l.send(&l.down, b, now, l.lossyDown) }

func (l *link) send(queue *[]packet, b []byte, now time.Time, lossy bool) {
	if l.cut || l.mute || lossy && l.rng.IntN(20) == 0 {
		return
	}
	at := now.Add(time.Duration(l.rng.IntN(200)) * time.Millisecond)
	if n := len(*queue); n > 0 && (*queue)[n-1].at.After(at) {
		at = (*queue)[n-1].at
	}
	*queue = append(*queue, packet{at, b})
}

// receive returns the next frame that has arrived, nil if there is none.
func (l *link) receive(queue *[]packet, now time.Time) []byte {
	if l.cut || l.mute || len(*queue) == 0 || (*queue)[0].at.After(now) {
		return nil
	}
	b := (*queue)[0].bytes
	*queue = (*queue)[1:]
	return b
}

// granted keeps the count of credit as a frame arrives at the edge.
func (l *link) granted(f dataplane.Frame) {
	switch f := f.(type) {
	case *dataplane.HelloOK:
		l.credit = f.Credit
	case *dataplane.Ack:
		l.credit = f.Credit
		for len(l.flights) > 0 && l.flights[0].mark.Compare(f.Stored) <= 0 {
			l.flights = l.flights[1:]
		}
	case *dataplane.Nack:
		n := len(l.flights)
		for n > 0 && l.flights[n-1].mark.Compare(f.Expected) >= 0 {
			n--
		}
		l.flights = l.flights[:n]
	}
}

// spends counts a frame that the edge sends, and tells whether it may.
func (l *link) spends(b []byte, f dataplane.Frame) bool {
	var mark dataplane.Mark
	switch f := f.(type) {
	case *dataplane.Data:
		mark = f.Mark()
	case *dataplane.Gap:
		mark = dataplane.Mark{Epoch: f.Epoch, Seq: f.To}
	default:
		return true
	}
	unacked := uint64(0)
	for _, s := range l.flights {
		unacked += s.bytes
	}
	l.flights = append(l.flights, sent{mark, uint64(len(b))})
	return unacked < l.credit
}
