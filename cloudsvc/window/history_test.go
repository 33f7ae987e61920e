package window

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"datastub/dataplane"
)

// line is one of a log.
type line struct {
	at   Place
	m    dataplane.Message // where loss is nil
	loss *dataplane.Loss
}

// node is a publisher that makes a history: its clock has an offset, and is set
// now and then, it is cut off, and sends then what it has kept, or switched off.
type node struct {
	random    *rand.Rand
	publisher string
	clock     time.Time
	epoch     uint64
	seqs      map[string]uint64
	kept      []line
	offline   int // lines until it is there again
	off       int // likewise, with nothing kept
}

// history makes the log of some publishers, from a seed.
func history(random *rand.Rand, lines int) []line {
	nodes := make([]*node, 1+random.IntN(4))
	for i := range nodes {
		offset := time.Duration(random.Int64N(int64(96*time.Hour))) - 48*time.Hour
		nodes[i] = &node{
			random: random, publisher: fmt.Sprintf("edge-%d/mapper", i),
			clock: time.Unix(int64(random.IntN(3))*1e9-5, 0).Add(offset).UTC(), seqs: make(map[string]uint64),
		}
	}
	var log []line
	at := Place{Block: 1}
	for len(log) < lines {
		for _, l := range nodes[random.IntN(len(nodes))].speak() {
			l.at = at
			log = append(log, l)
			if at.Index++; random.IntN(5) == 0 {
				at = Place{Block: at.Block + 1 + uint64(random.IntN(2))}
			}
		}
	}
	return log
}

// speak returns what comes to the log: nothing while the node is cut off, and
// all that it has kept behind that.
func (n *node) speak() []line {
	if n.off == 0 && n.random.IntN(80) == 0 {
		n.off = n.random.IntN(100)
		n.clock = n.clock.Add(time.Duration(n.random.IntN(n.off+1)) * time.Minute)
	}
	if n.off > 0 {
		n.off--
		return nil
	}
	if l, ok := n.accept(); ok {
		n.kept = append(n.kept, l)
	}
	if n.offline == 0 && n.random.IntN(200) == 0 {
		n.offline = n.random.IntN(60)
	}
	if n.offline > 0 {
		n.offline--
		return nil
	}
	kept := n.kept
	n.kept = nil
	return kept
}

// accept makes a message, or loses some.
func (n *node) accept() (line, bool) {
	n.tick()
	if n.random.IntN(100) == 0 { // it starts anew, and numbers by the clock
		n.epoch++
		for series := range n.seqs {
			n.seqs[series] += 1000
		}
	}
	m := dataplane.Message{
		ID: dataplane.ID{Publisher: n.publisher, Class: dataplane.BT, Epoch: n.epoch}, Class: dataplane.BT, Node: strings.TrimSuffix(n.publisher, "/mapper"),
		Topic: pick(n.random, "sensor/temperature", "pump"), Namespace: pick(n.random, "default", "default", "plant"),
		Device: pick(n.random, "a", "b", "c"), Property: pick(n.random, "p", "q"), Unit: pick(n.random, "", "", "", "°C"),
		Time: n.clock.Add(-time.Duration(n.random.ExpFloat64() * float64(2*time.Second))),
	}
	m.Value = n.value(m.Device)
	switch n.random.IntN(40) {
	case 0:
		m.Quality = dataplane.Bad("above max 100")
	case 1:
		m.Time = m.Time.Add(1000 * time.Hour)
		m.Quality = dataplane.Timely(m.Time, n.clock, "the mapper's clock")
	case 2:
		m.Quality = dataplane.BestEffort
	}
	series := strings.Join([]string{m.Namespace, m.Topic, m.Device}, "\x00")
	n.seqs[series]++
	m.Seq = n.seqs[series]
	switch n.random.IntN(60) {
	case 0: // lost, and told
		n.seqs[series] += uint64(n.random.IntN(3))
		l := dataplane.Loss{
			Publisher: n.publisher, Namespace: m.Namespace, Topic: m.Topic, Device: m.Device,
			From: m.Seq, To: n.seqs[series], Count: n.seqs[series] - m.Seq + 1, Reason: "the edge's spool was full",
		}
		return line{loss: &l}, true
	case 1: // lost, and nobody tells
		return line{}, false
	case 2: // nobody knows of what
		return line{loss: &dataplane.Loss{Publisher: n.publisher, Namespace: "default", From: 7, Reason: "the edge lost power"}}, true
	}
	return line{m: m}, true
}

// tick moves the clock on, seldom far, seldom back.
func (n *node) tick() {
	step := time.Duration(n.random.Int64N(int64(1500 * time.Millisecond)))
	switch n.random.IntN(150) {
	case 0:
		step = time.Duration(n.random.Int64N(int64(48 * time.Hour)))
	case 1:
		step = -time.Duration(n.random.Int64N(int64(time.Minute)))
	case 2: // to the moment at which a window ends
		step = n.clock.Truncate(10 * time.Second).Add(10 * time.Second).Sub(n.clock)
	}
	n.clock = n.clock.Add(step)
}

// value makes one of what a device has, seldom another.
func (n *node) value(device string) dataplane.Value {
	kind := int(device[0] - 'a')
	if n.random.IntN(20) == 0 {
		kind = n.random.IntN(7)
	}
	switch kind {
	case 0:
		return dataplane.IntValue(int64(n.random.Uint64()) >> n.random.IntN(64))
	case 1:
		return dataplane.DoubleValue(n.random.NormFloat64() * math.Pow(10, float64(n.random.IntN(20))))
	case 2:
		return dataplane.FloatValue(n.random.Float32())
	case 3:
		return dataplane.UintValue(math.MaxUint64 - uint64(n.random.IntN(3)))
	case 4:
		return dataplane.BooleanValue(n.random.IntN(2) == 0)
	case 5:
		return dataplane.StringValue(strings.Repeat("x", n.random.IntN(2*maxText)))
	}
	return dataplane.DoubleValue(pick(n.random, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)))
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }
