package mapper

import (
	"errors"
	"fmt"
	"maps"
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
// The zero shelf is empty.
type shelf struct {
	mu     sync.Mutex
	newest map[string]Newest // by property
}

// put takes in what a read gave of a property, or an error of the read.
func (s *shelf) put(property *Property, reading driver.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := Newest{Type: property.Point.Type, Reading: reading, Err: reading.Err}
	if n.Err != nil {
		n.Reading = s.newest[property.Point.Name].Reading
	}
	if s.newest == nil {
		s.newest = map[string]Newest{}
	}
	s.newest[property.Point.Name] = n
}

// get returns what is known of a property.
func (s *shelf) get(property string) (n Newest, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok = s.newest[property]
	return n, ok
}

// keep forgets all properties but some.
func (s *shelf) keep(properties map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.newest, func(property string, _ Newest) bool { return !properties[property] })
}
