package dmi

import (
	"maps"
	"slices"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"

	"datastub/mapper"
)

// overlap is how long an answer may still have a device after EdgeCore had it
// removed here: EdgeCore forgets it only then.
const overlap = 2 * time.Second

const (
	// minAbsent is how many answers have to lack a device before it is removed.
	minAbsent = 3
	// emptyPeriods is for how many periods of registrations all answers have to
	// lack a device, the last of which lacks all others, too, unless EdgeCore
	// removed the device's model. Else it is one.
	emptyPeriods = 10
)

// An absence is how long EdgeCore's answers have lacked a device that runs.
//
// A device that was deleted while EdgeCore was away shows in no other way. But
// EdgeCore also leaves out a device that it cannot convert (a map or a list in
// its configData), and all that it could not read from its database. A wrong
// removal loses data, a late one costs reads. So a device goes only when all
// answers of some time have lacked it, without one that did not come in
// between; of a much longer time, if they lack everything. The latter is nothing
// odd where EdgeCore removed the device's model: KubeEdge removes a model from a
// node with the last device of it, and may lose the call for the device.
type absence struct {
	since   time.Time
	answers int
}

// count counts an answer that lacks the device.
func (a *absence) count(now time.Time) {
	if a.answers == 0 {
		a.since = now
	}
	a.answers++
}

// final tells whether the device is to be removed.
func (a *absence) final(now time.Time, limit time.Duration) bool {
	return a.answers >= minAbsent && now.Sub(a.since) >= limit
}

// take makes the roster what an answer says that was asked for at a time. It
// returns the devices of the protocol that the answer lacks and that go on, and
// those that were removed as answers have lacked them for too long, ordered.
// Every is the period of registrations.
//
// Calls overtake answers: what a call said since the answer was asked for holds.
func (r *roster) take(protocol string, asked time.Time, answer *pb.MapperRegisterResponse, every time.Duration) (missing, removed []mapper.Key) {
	now := time.Now()
	r.mu.Lock()
	var changes notes
	for _, told := range answer.GetModelList() {
		changes = append(changes, r.noteModel(told)...)
	}
	listed := map[mapper.Key]bool{}
	for _, told := range answer.GetDeviceList() {
		key := keyOf(told)
		listed[key] = true
		if r.overtaken(key, asked) {
			continue
		}
		m, n := r.note(told)
		m.absence = absence{}
		changes = append(changes, n...)
	}
	missing, removed = r.absent(protocol, asked, listed, every)
	for _, key := range slices.SortedFunc(maps.Keys(listed), mapper.Key.Compare) {
		r.saw(key, now)
	}
	r.dropUnused(now)
	r.mu.Unlock()
	changes.log(r.logger)
	return missing, removed
}

// overtaken tells whether a call said something newer of a device than an
// answer that was asked for at a time.
func (r *roster) overtaken(key mapper.Key, asked time.Time) bool {
	if at, ok := r.removed[key]; ok && asked.Sub(at) <= overlap {
		return true
	}
	m := r.devices[key]
	return m != nil && !m.seen.Before(asked)
}

// absent counts the absences of devices that were not listed, and removes
// those that have been absent for too long.
func (r *roster) absent(protocol string, asked time.Time, listed map[mapper.Key]bool, every time.Duration) (missing, removed []mapper.Key) {
	now := time.Now()
	for _, key := range slices.SortedFunc(maps.Keys(r.devices), mapper.Key.Compare) {
		m := r.devices[key]
		if m.protocol() != protocol || listed[key] || r.overtaken(key, asked) {
			continue
		}
		limit := every
		if len(listed) == 0 && !r.bereft(m) {
			limit = emptyPeriods * every
		}
		m.absence.count(now)
		if m.absence.final(now, limit) {
			r.drop(key)
			removed = append(removed, key)
			continue
		}
		missing = append(missing, key)
	}
	return missing, removed
}

// doubt has all absences of a protocol counted anew: an answer did not come.
func (r *roster) doubt(protocol string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.devices {
		if m.protocol() == protocol {
			m.absence = absence{}
		}
	}
}
