package window

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"datastub/dataplane"
)

// What a Spec may ask for.
const (
	minSlide    = time.Second
	maxSize     = 31 * 24 * time.Hour
	maxLateness = maxSize
	maxOverlap  = 1000 // windows that one message is in
	minIdle     = time.Minute
	maxIdle     = maxSize + maxLateness
)

const (
	defaultBy = Namespace | Topic | Device
	// defaultLateness is for the devices of one mapper, which are read at the same
	// time, and some of them slowly.
	defaultLateness = 10 * time.Second
	// defaultIdle is at least this long: most links are back before.
	defaultIdle = time.Hour
)

// A Spec says how messages are reduced. As JSON it is
//
//	{"size":"5m","slide":"1m","by":["topic","device"],"functions":["count","avg"],"lateness":"10s","idle":"1h"}
//
// where size and functions are required, and slide is the size, by is namespace,
// topic and device, lateness is 10 s, and idle is size and lateness together, and
// at least an hour, where they are left out.
type Spec struct {
	Size      time.Duration // 1s to 31 days, a multiple of Slide
	Slide     time.Duration // between the starts of two windows
	By        Dimensions
	Functions Functions     // at least one
	Lateness  time.Duration // how far the messages of one publisher may be out of order
	Idle      time.Duration // of silence, after which the windows of a publisher close; 0: they stay open
}

var specFields = []string{"size", "slide", "by", "functions", "lateness", "idle"}

// ParseSpec reads a Spec. The error has everything that is wrong, joined: a
// *dataplane.FieldError each, unless it is no JSON object at all.
func ParseSpec(raw []byte) (Spec, error) {
	o, err := dataplane.ReadObject("window", raw, specFields...)
	if err != nil {
		return Spec{}, err
	}
	s := Spec{By: defaultBy, Lateness: defaultLateness}
	readDuration(o, "size", &s.Size)
	s.Slide = s.Size
	readDuration(o, "slide", &s.Slide)
	readDuration(o, "lateness", &s.Lateness)
	s.Idle = s.patience()
	readDuration(o, "idle", &s.Idle)
	if o.Has("by") {
		bits, err := parseNames("by", o.Texts("by"), dimensionNames)
		o.Refuse("by", err)
		s.By = Dimensions(bits)
	}
	bits, err := parseNames("functions", o.Texts("functions"), functionNames)
	o.Refuse("functions", err)
	s.Functions = Functions(bits)
	s.check(o.Refuse)
	if err := o.Err(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// patience returns what Idle is where nobody says.
func (s *Spec) patience() time.Duration { return max(defaultIdle, s.Size+s.Lateness) }

func readDuration(o *dataplane.Object, field string, to *time.Duration) {
	if !o.Has(field) {
		return
	}
	text := o.Text(field)
	d, err := time.ParseDuration(text)
	if err != nil {
		o.Refuse(field, fmt.Errorf("%s %.64q: want a time with its unit, as 90s or 5m", field, text))
		return
	}
	*to = d
}

// check refuses what is wrong.
func (s *Spec) check(refuse func(field string, err error)) {
	switch {
	case s.Size < minSlide || s.Size > maxSize:
		refuse("size", fmt.Errorf("size %v: want %v to %v", s.Size, minSlide, maxSize))
	case s.Slide < minSlide || s.Slide > s.Size || s.Size%s.Slide != 0:
		refuse("slide", fmt.Errorf("slide %v: want %v or more, of which the size %v is a multiple", s.Slide, minSlide, s.Size))
	case s.Size/s.Slide > maxOverlap:
		refuse("slide", fmt.Errorf("slide %v: want %v or more, as one message is in %d windows at most", s.Slide, s.Size/maxOverlap, maxOverlap))
	}
	if s.Functions == 0 {
		refuse("functions", errors.New("functions are none: want one or more of count, min, max, avg, sum, first, last"))
	}
	if s.Lateness < 0 || s.Lateness > maxLateness {
		refuse("lateness", fmt.Errorf("lateness %v: want 0s to %v", s.Lateness, maxLateness))
	}
	if s.Idle != 0 && (s.Idle < minIdle || s.Idle > maxIdle) {
		refuse("idle", fmt.Errorf("idle %v: want %v to %v, or 0s for never", s.Idle, minIdle, maxIdle))
	}
}

// Validate returns everything that is wrong, joined.
func (s *Spec) Validate() error {
	var errs []error
	s.check(func(_ string, err error) { errs = append(errs, err) })
	return errors.Join(errs...)
}

// MarshalJSON writes what ParseSpec reads, the same for the same Spec. The slide of
// a tumbling window is left out, and idle where it is what it would be then: whoever
// changes the size has them go with it.
func (s Spec) MarshalJSON() ([]byte, error) {
	slide, idle := "", ""
	if s.Slide != s.Size {
		slide = s.Slide.String()
	}
	if s.Idle != s.patience() {
		idle = s.Idle.String()
	}
	return json.Marshal(struct {
		Size      string   `json:"size"`
		Slide     string   `json:"slide,omitempty"`
		By        []string `json:"by"`
		Functions []string `json:"functions"`
		Lateness  string   `json:"lateness"`
		Idle      string   `json:"idle,omitempty"`
	}{
		s.Size.String(), slide, namesOf(uint8(s.By), dimensionNames),
		namesOf(uint8(s.Functions), functionNames), s.Lateness.String(), idle,
	})
}

// UnmarshalJSON reads what ParseSpec reads.
func (s *Spec) UnmarshalJSON(raw []byte) (err error) {
	*s, err = ParseSpec(raw)
	return err
}
