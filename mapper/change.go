package mapper

import "reflect"

// A carry is what a property keeps of its past under a new Spec of its device.
type carry struct {
	from      int  // its place in the old Spec; -1: it was not there
	point     bool // what was read of it, for it is the same point
	published bool // what was last published of it, for it is published alike
	collect   bool // when it is read next
	report    bool // when it is reported next
	push      bool // when it is pushed next
}

// restarts tells whether a device must be opened anew to run by another Spec.
func restarts(old, spec *Spec) bool {
	return old.Void || spec.Void || old.Protocol != spec.Protocol || !reflect.DeepEqual(old.Settings, spec.Settings)
}

// diff returns what each property of a Spec keeps of the old one. What keeps
// no moment is due at once.
func diff(old, spec *Spec) []carry {
	places := make(map[string]int, len(old.Properties))
	for i := range old.Properties {
		places[old.Properties[i].Point.Name] = i
	}
	carries := make([]carry, len(spec.Properties))
	for i := range spec.Properties {
		place, ok := places[spec.Properties[i].Point.Name]
		if !ok {
			carries[i] = carry{from: -1}
			continue
		}
		carries[i] = compare(&old.Properties[place], &spec.Properties[i])
		carries[i].from = place
	}
	return carries
}

func compare(old, p *Property) carry {
	point := reflect.DeepEqual(old.Point, p.Point)
	published := point && old.Unit == p.Unit && old.Rules == p.Rules
	return carry{
		point:     point,
		published: published,
		collect:   published && old.CollectCycle == p.CollectCycle,
		report:    point && old.reportCycle() == p.reportCycle(),
		push:      point && old.pushCycle() == p.pushCycle() && reflect.DeepEqual(old.Push, p.Push),
	}
}
