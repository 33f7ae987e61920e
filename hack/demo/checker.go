package main

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"datastub/dataplane"
)

// settle is how far the time of a reading and that of a register's change may
// be apart for both values to be right: a read takes that long at most.
const settle = 300 * time.Millisecond

// keptChanges is how many changes of a property are kept: half a minute's,
// while a batch is 5 s old at most.
const keptChanges = 60

// change is what the plant tells of a register.
type change struct {
	Property string  `json:"property"`
	Raw      float64 `json:"raw"`
	Time     int64   `json:"time"` // Unix nanoseconds
}

// expectation is what must be true of a property's messages.
type expectation struct {
	topic string
	class dataplane.Class
	typ   dataplane.Type
	unit  string
	scale float64            // of a register that the plant tells of; 0: virtual
	right func(float64) bool // of a virtual property
}

// expectations are the properties of resource/demo/devices, by device and
// property.
var expectations = map[string]expectation{
	"boiler-1 temperature": {topic: "sensor/temperature", class: dataplane.RT, typ: dataplane.Float, unit: "°C", scale: 0.1},
	"boiler-1 pressure":    {topic: "sensor/pressure", class: dataplane.RT, typ: dataplane.Float, unit: "bar", scale: 0.01},
	"boiler-1 pump":        {topic: "actuator/pump", class: dataplane.RT, typ: dataplane.Boolean, scale: 1},
	"boiler-1 energy":      {topic: "meter/energy", class: dataplane.BT, typ: dataplane.Int, unit: "kWh", scale: 1},
	"fan-1 setpoint":       {topic: "fan/setpoint", class: dataplane.RT, typ: dataplane.Int, unit: "rpm", right: within(1500, 1500)},
	"fan-1 speed":          {topic: "fan/speed", class: dataplane.RT, typ: dataplane.Float, unit: "rpm", right: within(0, 1500)},
	"meter-1 power":        {topic: "meter/power", class: dataplane.BT, typ: dataplane.Double, unit: "W", right: within(200, 800)},
	"meter-1 pulses":       {topic: "meter/pulses", class: dataplane.BT, typ: dataplane.Int, right: within(0, math.MaxInt64)},
}

func within(lo, hi float64) func(float64) bool {
	return func(v float64) bool { return v >= lo && v <= hi }
}

// checker holds what arrives against what it must be. It is safe for
// concurrent use.
type checker struct {
	mu      sync.Mutex
	changes map[string][]change // by property of the plant, in order
	arrived map[string]int      // by device and property
	seqs    map[string]uint64   // the last of each series, by device and property
}

func newChecker() *checker {
	return &checker{changes: make(map[string][]change), arrived: make(map[string]int), seqs: make(map[string]uint64)}
}

// changed takes in what the plant tells.
func (c *checker) changed(ch change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := append(c.changes[ch.Property], ch)
	c.changes[ch.Property] = changes[max(0, len(changes)-keptChanges):]
}

// check returns what is wrong with a message.
func (c *checker) check(m *dataplane.Message) error {
	if strings.HasPrefix(m.Topic, dataplane.EventTopic) {
		return nil
	}
	if m.Property == "" { // no device's: somebody is trying out POST /publish
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := m.Device + " " + m.Property
	want, known := expectations[name]
	if !known {
		return fmt.Errorf("a message of %s, which no device has: %s", name, m.AppendJSON(nil))
	}
	if m.Topic != want.topic || m.Class != want.class || m.Value.Type() != want.typ || m.Unit != want.unit || !m.Quality.IsGood() {
		return fmt.Errorf("a message of %s is not %+v: %s", name, want, m.AppendJSON(nil))
	}
	if last := c.seqs[name]; last != 0 && m.Seq != last+1 {
		return fmt.Errorf("a message of %s has sequence %d behind %d: one is missing or comes twice", name, m.Seq, last)
	}
	c.seqs[name] = m.Seq
	if !c.right(m, want) {
		return fmt.Errorf("a message of %s has a wrong value; the plant's registers were %v: %s", name, c.changes[m.Property], m.AppendJSON(nil))
	}
	c.arrived[name]++
	return nil
}

// right tells whether the value is what the register held when it was read,
// or what the signal can be.
func (c *checker) right(m *dataplane.Message, want expectation) bool {
	value, number := m.Value.Number()
	if b, ok := m.Value.Bool(); ok {
		value, number = 0, true
		if b {
			value = 1
		}
	}
	if !number {
		return false
	}
	if want.right != nil {
		return want.right(value)
	}
	read := m.Time.UnixNano()
	changes := c.changes[m.Property]
	for i, ch := range changes {
		held := ch.Time-int64(settle) <= read && (i+1 == len(changes) || read <= changes[i+1].Time+int64(settle))
		if held && math.Abs(ch.Raw*want.scale-value) < want.scale/100 {
			return true
		}
	}
	return false
}

// counts returns how many messages of each device arrived, for people, and
// the properties of which none did.
func (c *checker) counts() (text string, missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	devices := make(map[string]int)
	for name := range expectations {
		device, _, _ := strings.Cut(name, " ")
		devices[device] += c.arrived[name]
		if c.arrived[name] == 0 {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	var parts []string
	for device, n := range devices {
		parts = append(parts, fmt.Sprintf("%s %d", device, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", "), missing
}
