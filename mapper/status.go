package mapper

import (
	"maps"
	"slices"
	"sync"
	"time"

	"datastub/driver"
)

// Status is a Reporter that remembers. The zero Status is ready to use.
type Status struct {
	mu      sync.Mutex
	devices map[Key]DeviceStatus
}

var _ Reporter = (*Status)(nil)

// A DeviceStatus is how one device is.
type DeviceStatus struct {
	Key    Key
	Health Health
	Since  time.Time                 // when Health became so
	Values map[string]driver.Reading // the newest reported, by property
}

// ReportSpec implements Reporter: what a device has no more is forgotten.
func (s *Status) ReportSpec(spec Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.device(spec.Key).Values, func(property string, _ driver.Reading) bool {
		return !slices.ContainsFunc(spec.Properties, func(p Property) bool { return p.Point.Name == property })
	})
}

// ReportValues implements Reporter.
func (s *Status) ReportValues(key Key, values []Reported) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(key)
	for _, v := range values {
		d.Values[v.Property] = v.Reading
	}
}

// ReportHealth implements Reporter.
func (s *Status) ReportHealth(key Key, health Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(key)
	d.Health, d.Since = health, time.Now()
	s.devices[key] = d
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
		d = DeviceStatus{Key: key, Values: map[string]driver.Reading{}}
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
	for i := range devices {
		devices[i].Values = maps.Clone(devices[i].Values)
	}
	slices.SortFunc(devices, func(a, b DeviceStatus) int { return a.Key.compare(b.Key) })
	return devices
}
