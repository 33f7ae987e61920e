package dmi

import (
	"slices"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"

	"datastub/mapper"
)

const (
	// repeatAfter is when a value is told again though it is the same: KubeEdge
	// loses reports, such as all of those made while cloudcore is away.
	repeatAfter = 60 * time.Second
	// settleAfter is the same of a value that was told once: EdgeCore and
	// cloudcore may not have known the device yet.
	settleAfter = 10 * time.Second
	// staleAfter is when it is told even where others have changed.
	staleAfter = 100 * time.Second
	// copies is how often each twin goes in a report: of 1,000 that went twice,
	// cloudcore undid one.
	copies = 3
	// maxCopied is how many twins a report may have that go copies times: EdgeCore
	// writes each to its database, and cloudcore to the API server.
	maxCopied = 20
	// maxTwins is how many properties a report may have. As a name has 128 and a
	// value 512 characters at most, and each goes twice at most where there are
	// more than maxCopied, that is 600 KiB: EdgeCore takes 4 MiB.
	maxTwins = 256
	// stateCycle is how often a state is told again, unless the Device says so.
	stateCycle = 5 * time.Minute
	// unknownAfter is when a device of which nothing is known is said to be so.
	unknownAfter = 10 * time.Second
)

// unknown is the state of a device of which nothing is known yet. The others
// are called the same in KubeEdge as here.
const unknown = "unknown"

// A shadow is what EdgeCore is to know of one device, the newest only, and what
// it has been told.
type shadow struct {
	key        mapper.Key
	begun      time.Time // when the device was heard of
	properties []property
	asked      time.Time // when twins were reported last, or could not be; zero: never
	introduced bool      // there was a report of twins since EdgeCore is up

	report     mapper.StateReport
	state      string    // as it is; empty: nothing is known
	told       string    // as EdgeCore was told; empty: not yet
	since      time.Time // when state became so, or could not be told
	stateAsked time.Time // as asked, of the state
}

// A property is one of a device's twins.
type property struct {
	name     string
	barred   bool      // EdgeCore takes no twin of this name
	warned   bool      // that there was a value that a twin cannot have
	known    bool      // there is a value
	value    string    // as a twin has it
	desired  string    // the same
	changed  bool      // EdgeCore has not been told of it
	times    int       // how often EdgeCore was told since it is up: 0, 1 or 2
	reported time.Time // when it was told last; zero: never
}

// missing is a property that has no twin, or whose value has no place in it.
type missing struct {
	property string
	err      error
}

// follow makes the shadow one of spec, and returns the new properties that can
// have no twin. What is known of a property that spec has, too, stays.
func (s *shadow) follow(spec *mapper.Spec) (without []missing) {
	s.report = spec.StateReport
	var properties []property
	for i := range spec.Properties {
		if !spec.Properties[i].ReportToCloud {
			continue
		}
		name := spec.Properties[i].Point.Name
		if known := s.property(name); known != nil {
			properties = append(properties, *known)
			continue
		}
		err := checkTwinName(name)
		if err != nil {
			without = append(without, missing{name, err})
		}
		properties = append(properties, property{name: name, barred: err != nil})
	}
	s.properties = properties
	return without
}

// property returns the property of a name, or nil if it has no twin.
func (s *shadow) property(name string) *property {
	for i := range s.properties {
		if s.properties[i].name == name {
			return &s.properties[i]
		}
	}
	return nil
}

// set takes the newest values, and returns the properties with one that a twin
// cannot have, each once.
func (s *shadow) set(values []mapper.Reported) (without []missing) {
	for _, v := range values {
		p := s.property(v.Property)
		if p == nil || p.barred {
			continue
		}
		if err := p.set(v); err != nil && !p.warned {
			p.warned = true
			without = append(without, missing{p.name, err})
		}
	}
	return without
}

// set takes the newest value. An error says what of it a twin cannot have.
func (p *property) set(reported mapper.Reported) error {
	value, err := formatValue(reported.Reading.Value)
	if err != nil {
		p.known = false
		return err
	}
	desired, err := formatText(reported.Desired)
	p.changed = p.changed || !p.known || p.value != value || p.desired != desired
	p.known, p.value, p.desired = true, value, desired
	return err
}

// age returns for how long EdgeCore has not been told.
func (p *property) age(now time.Time) time.Duration { return now.Sub(p.reported) }

// repeats tells whether the same value is to be told again, as of a moment.
func (p *property) repeats(at time.Time) bool {
	return p.age(at) >= repeatAfter || p.times < 2 && p.age(at) >= settleAfter
}

// request returns a report of what has changed, and of what will have to be
// told again before the device has its next turn, which is as far as its last.
//
// Cloudcore takes each twin by itself. The first of a property only makes its
// place, and of several that come at once some are undone: its cache of the
// device goes back to what the API server tells of an earlier one. So a report
// has twins more than once, which costs no request.
func (s *shadow) request(now time.Time) *pb.ReportDeviceStatusRequest {
	var unplaced, twins []*pb.Twin
	for _, p := range s.due(now) {
		one := p.twin()
		twins = append(twins, one)
		if p.times == 0 {
			unplaced = append(unplaced, one)
		}
	}
	if n := len(twins); 1 < n && n <= maxCopied {
		twins = slices.Repeat(twins, copies)
	}
	return &pb.ReportDeviceStatusRequest{
		DeviceNamespace: s.key.Namespace, DeviceName: s.key.Name,
		ReportedDevice: &pb.DeviceStatus{Twins: append(unplaced, twins...)},
	}
}

// due returns the properties that a report has: where they are too many for one,
// those that were told least recently. The others have the device's next turn.
func (s *shadow) due(now time.Time) []*property {
	next := now.Add(now.Sub(s.asked))
	var due []*property
	for i := range s.properties {
		if p := &s.properties[i]; p.known && (p.changed || p.repeats(next)) {
			due = append(due, p)
		}
	}
	if len(due) <= maxTwins {
		return due
	}
	slices.SortStableFunc(due, func(a, b *property) int { return a.reported.Compare(b.reported) })
	return due[:maxTwins]
}

// newest returns all twins.
func (s *shadow) newest() []*pb.Twin {
	var twins []*pb.Twin
	for i := range s.properties {
		if p := &s.properties[i]; p.known {
			twins = append(twins, p.twin())
		}
	}
	return twins
}

// twin always has both of its parts: EdgeCore crashes without.
func (p *property) twin() *pb.Twin {
	return &pb.Twin{
		PropertyName:    p.name,
		Reported:        &pb.TwinProperty{Value: p.value},
		ObservedDesired: &pb.TwinProperty{Value: p.desired},
	}
}

// twinsTold notes what became of a report of twins.
func (s *shadow) twinsTold(request *pb.ReportDeviceStatusRequest, now time.Time, err error) {
	s.asked, s.introduced = now, true
	noted := map[string]bool{}
	for _, told := range request.GetReportedDevice().GetTwins() {
		p := s.property(told.PropertyName)
		switch {
		case p == nil: // removed meanwhile
		case noted[p.name]: // it is in the report again
		case err != nil:
			p.changed = true
		default:
			p.changed = p.value != told.GetReported().GetValue() || p.desired != told.GetObservedDesired().GetValue()
			p.times = min(p.times+1, 2)
			p.reported = now
			noted[p.name] = true
		}
	}
}

// wanted returns the state that EdgeCore is to be told, or nothing.
func (s *shadow) wanted(now time.Time) string {
	switch {
	case s.report.Off:
		return ""
	case s.state == "" && now.Sub(s.begun) >= unknownAfter:
		return unknown
	}
	return s.state
}

// awaitsTwins tells whether the device's twins are to be told before its state:
// they are there, or may still come.
func (s *shadow) awaitsTwins(now time.Time) bool {
	known := slices.ContainsFunc(s.properties, func(p property) bool { return p.known })
	coming := len(s.properties) > 0 && now.Sub(s.begun) < unknownAfter
	return !s.introduced && (known || coming)
}

// stateTold notes what became of a report of the state.
func (s *shadow) stateTold(state string, now time.Time, err error) {
	s.stateAsked = now
	if err != nil {
		s.told, s.since = "", now // behind the others that wait
		return
	}
	s.told = state
}

// again has EdgeCore told of everything once more.
func (s *shadow) again() {
	s.told, s.introduced = "", false
	for i := range s.properties {
		s.properties[i].changed = true
		s.properties[i].times = 0
	}
}
