package mapper

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Status is a Reporter that remembers, and it is told how the mapper and
// EdgeCore get on. The zero Status is ready to use.
type Status struct {
	mu      sync.Mutex
	devices map[Key]DeviceStatus
	edges   map[string]EdgeStatus // by protocol
}

var _ Reporter = (*Status)(nil)

// A DeviceStatus is how one device is.
type DeviceStatus struct {
	Key        Key
	Protocol   string
	Properties int // those that have no fault in the CRs
	Health     Health
	Since      time.Time // when its state became so
	ConfigSeen time.Time // when the Source last gave its configuration
	// TwinsReported is when EdgeCore last took its twins; the zero time if it
	// never did.
	TwinsReported time.Time
}

// ReportSpec implements Reporter: the device is there.
func (s *Status) ReportSpec(spec Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(spec.Key)
	d.Protocol, d.Properties = spec.Protocol, len(spec.Properties)
	s.devices[spec.Key] = d
}

// ReportValues implements Reporter: Fleet.Newest has them.
func (s *Status) ReportValues(Key, []Reported) {}

// ReportHealth implements Reporter.
func (s *Status) ReportHealth(key Key, health Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(key)
	if d.Health.State != health.State {
		d.Since = time.Now()
	}
	d.Health = health
	s.devices[key] = d
}

// ConfigSeen says that the Source has given a device's configuration, the same
// or another one.
func (s *Status) ConfigSeen(key Key, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(key)
	d.ConfigSeen = at
	s.devices[key] = d
}

// TwinsReported says that EdgeCore has taken a device's twins. Of a device that
// is gone it is no news.
func (s *Status) TwinsReported(key Key, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.devices[key]; ok {
		d.TwinsReported = at
		s.devices[key] = d
	}
}

// Removed implements Reporter.
func (s *Status) Removed(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.devices, key)
}

// device returns what is remembered of a device, and begins to remember.
func (s *Status) device(key Key) DeviceStatus {
	if s.devices == nil {
		s.devices = map[Key]DeviceStatus{}
	}
	d, ok := s.devices[key]
	if !ok {
		d = DeviceStatus{Key: key}
		s.devices[key] = d
	}
	return d
}

// states counts the devices by state, those that have one.
func (s *Status) states() map[State]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[State]int{Online: 0, Offline: 0, Unhealthy: 0}
	for _, d := range s.devices {
		if d.Health.State != "" {
			states[d.Health.State]++
		}
	}
	return states
}

// Snapshot returns all devices as they are now, ordered by key. It is the
// caller's own.
func (s *Status) Snapshot() []DeviceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	devices := slices.Collect(maps.Values(s.devices))
	slices.SortFunc(devices, func(a, b DeviceStatus) int { return a.Key.Compare(b.Key) })
	return devices
}
