package dmi

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/protobuf/proto"
	"k8s.io/klog/v2"

	"datastub/mapper"
)

// awaitDevice is how long a model is kept that no device is made of: the calls
// for a model and its device come together, unless KubeEdge stalls.
const awaitDevice = time.Minute

// A roster is what EdgeCore has told of devices and models, and tells the
// target what has changed.
//
// A device is there from when it is told until it is removed. A model that is
// removed holds on for the devices that are made of it, as EdgeCore removes
// models before devices: it goes with the last of them, or another one comes in
// its place. One that no device is made of goes some time after it was told.
type roster struct {
	target   mapper.Target
	defaults mapper.Rules
	vet      mapper.Vet
	witness  Witness
	logger   klog.Logger

	mu      sync.Mutex
	devices map[mapper.Key]*member
	models  map[mapper.Key]*model
	removed map[mapper.Key]time.Time // when, for as long as overlap
}

// A member is a device of the roster.
type member struct {
	told     *pb.Device
	device   *v1beta1.Device // made of told
	spec     mapper.Spec
	problems []string
	warnings []string
	seen     time.Time // when a call told it last
	absence  absence
}

func (m *member) protocol() string { return m.told.GetSpec().GetProtocol().GetProtocolName() }

func (m *member) model() mapper.Key {
	return mapper.Key{Namespace: m.told.GetNamespace(), Name: m.told.GetSpec().GetDeviceModelReference()}
}

// A model is one that devices are made of, or may be.
type model struct {
	told  *pb.DeviceModel
	model *v1beta1.DeviceModel // made of told
	gone  bool                 // it was removed, and devices are made of it
	seen  time.Time            // when it was told last
}

func newRoster(target mapper.Target, o Options) *roster {
	return &roster{
		target: target, defaults: o.Defaults, vet: o.Vet, witness: o.Witness, logger: o.Logger,
		devices: map[mapper.Key]*member{}, models: map[mapper.Key]*model{}, removed: map[mapper.Key]time.Time{},
	}
}

// put notes a device that a call told, and tells whether its model is known.
func (r *roster) put(told *pb.Device) (modelKnown bool) {
	var n notes
	defer func() { n.log(r.logger) }() // when nothing is locked
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock() // whatever happens: a call that panics must not stop those that follow
	m, noted := r.note(told)
	n = noted
	m.seen, m.absence = now, absence{}
	delete(r.removed, keyOf(told))
	r.saw(keyOf(told), now)
	of := r.models[m.model()]
	if of != nil {
		of.gone = false // EdgeCore tells no device whose model it has not
	}
	return of != nil
}

// saw tells the witness of a device that the roster has: of one that is gone
// it would never hear again. It is called with mu held, so that it comes before
// the device can be removed.
func (r *roster) saw(key mapper.Key, now time.Time) {
	if r.devices[key] != nil {
		r.witness.ConfigSeen(key, now)
	}
}

// note makes a device what was told of it.
func (r *roster) note(told *pb.Device) (*member, notes) {
	key := keyOf(told)
	m := r.devices[key]
	if m != nil && proto.Equal(m.told, told) {
		return m, nil
	}
	if m == nil {
		m = &member{}
		r.devices[key] = m
	}
	before := m.model()
	m.told, m.device = told, deviceOf(told)
	r.dropModel(before)
	return m, r.assemble(m)
}

// assemble makes a device's Spec anew, and tells the target if it is another.
func (r *roster) assemble(m *member) notes {
	var of *v1beta1.DeviceModel
	if known := r.models[m.model()]; known != nil {
		of = known.model
	}
	before, problemsBefore, warningsBefore := m.spec, m.problems, m.warnings
	spec, errs, warnings := mapper.Assemble(m.device, of, r.defaults, r.vet)
	m.spec, m.problems, m.warnings = spec, lines(errs), lines(warnings)
	n := warningsOf(spec.Key, warningsBefore, m.warnings)
	same := reflect.DeepEqual(before, spec)
	if !same {
		r.target.Put(spec)
	}
	if same && slices.Equal(problemsBefore, m.problems) {
		return n
	}
	return append(n, notesOf(before, spec, problemsBefore, errs)...)
}

// remove removes a device, or nothing.
func (r *roster) remove(key mapper.Key) {
	now := time.Now()
	r.mu.Lock()
	maps.DeleteFunc(r.removed, func(_ mapper.Key, at time.Time) bool { return now.Sub(at) > overlap })
	r.removed[key] = now
	_, known := r.devices[key]
	r.drop(key)
	r.mu.Unlock()
	if known {
		r.logger.Info("Device is removed", "device", key.String())
	}
}

// drop forgets a device, and its model if that was kept for it.
func (r *roster) drop(key mapper.Key) {
	m := r.devices[key]
	if m == nil {
		return
	}
	delete(r.devices, key)
	r.target.Remove(key)
	r.dropModel(m.model())
}

// dropModel forgets a model that was removed, if no device is made of it.
func (r *roster) dropModel(key mapper.Key) {
	if m := r.models[key]; m != nil && m.gone && len(r.membersOf(key)) == 0 {
		delete(r.models, key)
	}
}

// dropUnused forgets the models that no device is made of, though there was
// time for it to come. Where it comes later, an answer has its model.
func (r *roster) dropUnused(now time.Time) {
	used := map[mapper.Key]bool{}
	for _, m := range r.devices {
		used[m.model()] = true
	}
	maps.DeleteFunc(r.models, func(key mapper.Key, m *model) bool { return !used[key] && now.Sub(m.seen) > awaitDevice })
}

// putModel notes a model that a call told.
func (r *roster) putModel(told *pb.DeviceModel) {
	var n notes
	defer func() { n.log(r.logger) }() // when nothing is locked
	r.mu.Lock()
	defer r.mu.Unlock()
	n = r.noteModel(told)
}

// noteModel makes a model what was told of it, and the devices that are made of
// it.
func (r *roster) noteModel(told *pb.DeviceModel) notes {
	key, now := keyOf(told), time.Now()
	if known := r.models[key]; known != nil && proto.Equal(known.told, told) {
		known.gone, known.seen = false, now
		return nil
	}
	r.models[key] = &model{told: told, model: modelOf(told), seen: now}
	var changes notes
	for _, m := range r.membersOf(key) {
		changes = append(changes, r.assemble(m)...)
	}
	return changes
}

// removeModel notes that a model is gone, and tells whether there are devices
// of it yet.
func (r *roster) removeModel(key mapper.Key) (bereft bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[key]
	if m == nil {
		return false
	}
	m.gone = true
	r.dropModel(key)
	return r.models[key] != nil
}

// bereft tells whether EdgeCore removed a device's model.
func (r *roster) bereft(m *member) bool {
	of := r.models[m.model()]
	return of != nil && of.gone
}

// anyBereft tells whether a device of a protocol is here whose model EdgeCore
// removed.
func (r *roster) anyBereft(protocol string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.devices {
		if m.protocol() == protocol && r.bereft(m) {
			return true
		}
	}
	return false
}

// membersOf returns the devices that are made of a model, ordered.
func (r *roster) membersOf(key mapper.Key) []*member {
	var members []*member
	for _, device := range slices.SortedFunc(maps.Keys(r.devices), mapper.Key.Compare) {
		if m := r.devices[device]; m.model() == key {
			members = append(members, m)
		}
	}
	return members
}

// device returns a device as EdgeCore told it, which is the caller's own.
func (r *roster) device(key mapper.Key) (*pb.Device, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.devices[key]
	if m == nil {
		return nil, false
	}
	return proto.CloneOf(m.told), true
}
