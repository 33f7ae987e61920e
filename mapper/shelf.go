package mapper

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"datastub/driver"
)

// errUnread says that a property was not read so far.
var errUnread = errors.New("it has not been read yet")

// A Newest is what is known of a property's value.
type Newest struct {
	Type    driver.Type
	Reading driver.Reading // the newest with a value; the zero Reading: there was none
	Err     error          // why the last read gave no value; nil: it gave Reading
}

// Missing tells why there is no value, and the last that there was.
func (n Newest) Missing() string {
	if n.Reading.Value == nil {
		return oneLine(n.Err)
	}
	return fmt.Sprintf("%s; the last was %s, read at %s", oneLine(n.Err),
		cutShort(FormatValue(n.Reading.Value)), n.Reading.Time.Format(time.RFC3339Nano))
}

// A shelf holds the newest readings of a device for those who ask at any time.
type shelf struct {
	mu         sync.Mutex
	properties []Property       // of the device's Spec
	newest     []driver.Reading // of each; Err is why the last read gave no value, beside the value before
}

func newShelf(spec *Spec) *shelf {
	return &shelf{properties: spec.Properties, newest: make([]driver.Reading, len(spec.Properties))}
}

// put takes in what a read gave of the property at a place, or an error of the
// read.
func (s *shelf) put(place int, reading driver.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reading.Err != nil {
		s.newest[place].Err = reading.Err
		return
	}
	s.newest[place] = reading
}

// at returns the newest reading with a value of the property at a place.
func (s *shelf) at(place int) driver.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	reading := s.newest[place]
	reading.Err = nil
	return reading
}

// get returns what is known of a property. It is not ok if that is nothing.
func (s *shelf) get(property string) (n Newest, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := slices.IndexFunc(s.properties, func(p Property) bool { return p.Point.Name == property })
	if place < 0 {
		return Newest{}, false
	}
	n = Newest{Type: s.properties[place].Point.Type, Reading: s.newest[place], Err: s.newest[place].Err}
	n.Reading.Err = nil
	return n, n.Reading.Value != nil || n.Err != nil
}

// change has the shelf hold the properties of another Spec, and of the readings
// those that are carried.
func (s *shelf) change(spec *Spec, carries []carry) {
	newest := make([]driver.Reading, len(carries))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range carries {
		if c.point {
			newest[i] = s.newest[c.from]
		}
	}
	s.properties, s.newest = spec.Properties, newest
}
