package mapper

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// An EdgeStatus is how the mapper and EdgeCore get on, for one protocol.
type EdgeStatus struct {
	Protocol string `json:"protocol"`
	// Since is when EdgeCore took the mapper in and has had it ever since; the
	// zero time if it has not.
	Since     time.Time `json:"since,omitzero"`
	Last      time.Time `json:"last,omitzero"`      // when EdgeCore last said so
	Error     string    `json:"error,omitempty"`    // of the last try that came to nothing
	ErrorTime time.Time `json:"errorTime,omitzero"` // when that was
	Missing   []string  `json:"missing,omitempty"`  // devices that run and that EdgeCore did not list last
}

// Registered says that EdgeCore has taken the mapper in for a protocol, or has
// it still.
func (s *Status) Registered(protocol string, at time.Time) {
	s.setEdge(protocol, func(e *EdgeStatus) {
		e.Last = at.UTC()
		if e.Since.IsZero() {
			e.Since = e.Last
		}
	})
}

// Refused says that EdgeCore could not be asked, or would not have the mapper.
func (s *Status) Refused(protocol string, err error) {
	now := time.Now().UTC()
	s.setEdge(protocol, func(e *EdgeStatus) { e.Since, e.Error, e.ErrorTime = time.Time{}, oneLine(err), now })
}

// Missing gives the devices of a protocol that run and that EdgeCore's last
// answer did not have.
func (s *Status) Missing(protocol string, keys []Key) {
	var names []string
	for _, key := range keys {
		names = append(names, key.String())
	}
	s.setEdge(protocol, func(e *EdgeStatus) { e.Missing = names })
}

func (s *Status) setEdge(protocol string, set func(*EdgeStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edges == nil {
		s.edges = map[string]EdgeStatus{}
	}
	e := s.edges[protocol]
	e.Protocol = protocol
	set(&e)
	s.edges[protocol] = e
}

// Edges returns how EdgeCore and the mapper get on, by protocol, in order:
// none while EdgeCore was not asked.
func (s *Status) Edges() []EdgeStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.edges), func(a, b EdgeStatus) int { return strings.Compare(a.Protocol, b.Protocol) })
}

// oldest returns how long ago the earliest of a time of all devices is; not ok
// where no device has it.
func (s *Status) oldest(now time.Time, of func(*DeviceStatus) time.Time) (age time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if at := of(&d); !at.IsZero() {
			age, ok = max(age, now.Sub(at)), true
		}
	}
	return age, ok
}
