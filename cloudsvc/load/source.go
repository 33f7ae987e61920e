package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"datastub/dataplane"
)

const (
	// burst is the most messages in one publish: what a mapper's device with
	// many properties comes to.
	burst = 100
	// pause is how long a Source that may send nothing waits at most before it
	// looks again.
	pause = time.Millisecond
)

// SourceOptions describe a Source.
type SourceOptions struct {
	Topic   string
	Devices int // that take turns
	Class   dataplane.Class

	// Window is how many messages may be on their way, sent and not received:
	// no more than every queue on the way holds.
	Window int
	// Received returns how many messages have arrived since the first Send.
	Received func() uint64

	// Publish takes messages, gives each its ID, and may change them. One
	// goroutine calls it.
	Publish func([]dataplane.Message) error
}

func (o *SourceOptions) validate() error {
	var errs []error
	if err := dataplane.ValidateTopic(o.Topic); err != nil {
		errs = append(errs, err)
	}
	if o.Devices < 1 {
		errs = append(errs, fmt.Errorf("devices %d: want 1 or more", o.Devices))
	}
	if !o.Class.Valid() {
		errs = append(errs, fmt.Errorf("class %v: want RT or BT", o.Class))
	}
	if o.Window < 1 {
		errs = append(errs, fmt.Errorf("window of %d messages: want 1 or more", o.Window))
	}
	if o.Received == nil || o.Publish == nil {
		errs = append(errs, errors.New("source options: Received and Publish are required"))
	}
	return errors.Join(errs...)
}

// A Source makes the messages of devices that measure a temperature: no two
// are alike. One goroutine uses it.
type Source struct {
	options  SourceOptions
	random   *rand.Rand
	devices  []string
	messages []dataplane.Message // of one publish
	sent     uint64              // since the first Send
}

// NewSource returns a Source that has sent nothing.
func NewSource(o SourceOptions) (*Source, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Source{options: o, random: rand.New(rand.NewPCG(1, 2)), messages: make([]dataplane.Message, burst)}
	for n := range o.Devices {
		s.devices = append(s.devices, fmt.Sprintf("device-%03d", n))
	}
	return s, nil
}

// An Order says how long to send, and how fast.
type Order struct {
	For  time.Duration `json:"for"`
	Rate int           `json:"rate"` // messages a second at most; 0: as many as the window lets through
}

// due returns how many messages are to be sent a time after the beginning.
func (o *Order) due(after time.Duration) uint64 {
	if o.Rate == 0 {
		return math.MaxUint64
	}
	return uint64(after.Seconds() * float64(o.Rate))
}

// Sent is what one Send came to.
type Sent struct {
	Count uint64    `json:"count"`
	Began time.Time `json:"began"`
}

// Send publishes messages until the order's time is over, ctx ends, or Publish
// fails. What it returns was sent in any case.
func (s *Source) Send(ctx context.Context, o Order) (Sent, error) {
	sent := Sent{Began: time.Now()}
	end := sent.Began.Add(o.For)
	for now := sent.Began; now.Before(end); now = time.Now() {
		n := min(o.due(now.Sub(sent.Began))-sent.Count, s.room(), burst)
		if n == 0 {
			select {
			case <-time.After(min(pause, end.Sub(now))):
			case <-ctx.Done():
				return sent, ctx.Err()
			}
			continue
		}
		if err := s.options.Publish(s.next(int(n))); err != nil {
			return sent, err
		}
		s.sent += n
		sent.Count += n
	}
	return sent, ctx.Err()
}

// room returns how many messages the window lets through now.
func (s *Source) room() uint64 {
	ahead := s.sent - min(s.options.Received(), s.sent)
	return uint64(s.options.Window) - min(ahead, uint64(s.options.Window))
}

// next returns the next n messages, in a slice that is used again. A value is
// a temperature to a hundredth of a degree that turns slowly, with noise.
func (s *Source) next(n int) []dataplane.Message {
	for i := range n {
		number := s.sent + uint64(i)
		celsius := 50 + 40*math.Sin(float64(number)/1e5) + s.random.Float64()
		s.messages[i] = dataplane.Message{
			Topic: s.options.Topic, Namespace: "default", Device: s.devices[number%uint64(len(s.devices))],
			Property: "temperature", Class: s.options.Class, Unit: "°C",
			Value: dataplane.FloatValue(float32(math.Round(celsius*100) / 100)), Time: time.Now(),
		}
	}
	return s.messages[:n]
}
