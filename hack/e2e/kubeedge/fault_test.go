package kubeedge

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/hack/fault"
	"datastub/hack/kubeedge"
	"datastub/hack/poll"
	"datastub/hack/stack"
	"datastub/mapper"
)

// rounded is wrong only where a number goes through KubeEdge.
var rounded = fault.Fault{
	Name:     "rounded",
	Spec:     `deviceModelRef: {name: m}, protocol: {protocolName: virtual}, properties: [{name: a, visitors: {configData: {max: 16777217}}}, {name: b}]`,
	Property: "a",
	Reason:   `spec.properties[a].visitors.configData.max: Invalid value: (not read): EdgeCore keeps 24 bits of a number, and has made it 16777216: want it in quotes`,
}

// unspeakable is lost only in KubeEdge, for the name of a key.
var unspeakable = fault.Fault{
	Name: "unspeakable",
	Spec: `deviceModelRef: {name: m}, protocol: {protocolName: virtual}, properties: [{name: b, visitors: {configData: {data: 5}}}]`,
}

// TestKubeEdgeRefusals: the API server refuses what does not fit the schema, and
// says which field and why.
func TestKubeEdgeRefusals(t *testing.T) {
	for _, r := range fault.Refused {
		_, err := applyServerSide(r.Text)
		if err == nil || !strings.Contains(err.Error(), r.Message) {
			t.Errorf("apply %.64s: got error %v, want %q", r.Name, err, r.Message)
		}
	}
}

// TestFaults applies Devices with every fault beside two that are right. What
// arrives is told in the log, in GET /status, as an event and in DeviceStatus; of
// what KubeEdge loses nothing is told. The mapper lives, and those that are right
// have a value in each cycle, also while cloudcore is down because of a fault.
func TestFaults(t *testing.T) {
	port := stack.StartPlant(t)
	s := stack.New(t)
	f := faulty{t: t, values: s.Subscribe("#"), events: s.Subscribe("$events/#"), mapper: s.StartEdgeMapper(kubeedge.Node, cluster.DMI)}
	modbus := strings.ReplaceAll(meter{name: "right-modbus", port: port}.text(), "collectCycle: 100\n", "collectCycle: 1000\n")
	apply(t, strings.Join([]string{crowdModel(), member("right-virtual"), modbus}, "---\n"))
	right := func() []stack.Received {
		return slices.Concat(f.values.Messages("right-virtual"), f.values.Messages("right-modbus"))
	}
	const series = properties + 1
	eventually(t, "each that is right has a value", func() bool { return len(byAddress(right())) == series })

	f.apply(fault.Models)
	f.checkArriving(append(slices.Clone(fault.Arriving), rounded))
	f.checkLost(append(slices.Clone(fault.Lost), unspeakable))
	f.checkDeadly()

	if !f.mapper.Running() {
		t.Errorf("the mapper has ended:\n%s", f.mapper.Log)
	}
	n := len(right())
	eventually(t, "those that are right go on", func() bool { return len(right()) > n+2*series })
	if n := checkCycles(t, right(), cycle); n != series {
		t.Errorf("got values of %d series that are right, want %d", n, series)
	}
	stack.CheckUnbroken(t, "subscriber", right())
}

// faulty is a mapper of Devices with faults, and what is told of them.
type faulty struct {
	t              *testing.T
	mapper         *stack.Mapper
	values, events *stack.Subscriber
}

// checkArriving applies faults, and holds the mapper to telling each.
func (f *faulty) checkArriving(faults []fault.Fault) {
	f.t.Helper()
	f.applyFaults(faults)
	for _, x := range faults {
		awaitEvent(f.t, f.events, x.Name, dataplane.DeviceTopic, "", string(mapper.Unhealthy), x.Reason)
		for _, property := range x.Properties() {
			awaitEvent(f.t, f.events, x.Name, dataplane.PropertyTopic, property, dataplane.Faulty, x.Reason)
		}
		if !strings.Contains(f.mapper.Log.String(), strconv.Quote("default/"+x.Name)) {
			f.t.Errorf("%s is not in the log:\n%s", x.Name, f.mapper.Log)
		}
		if x.HasNeighbour() {
			eventually(f.t, "values of b of "+x.Name, func() bool { return len(f.values.Messages(x.Name)) > 0 })
		}
	}
	status := overview(f.t, f.mapper)
	for _, x := range faults {
		if got := status[x.Name]; got.State != mapper.Unhealthy || got.Reason != x.Reason {
			f.t.Errorf("%s in GET /status: got %s, %q, want unhealthy, %q", x.Name, got.State, got.Reason, x.Reason)
		}
	}
	for _, x := range []fault.Fault{faults[0], faults[len(faults)/2], faults[len(faults)-1]} {
		poll.Within(f.t, twinLimit, "DeviceStatus of "+x.Name+" is unhealthy", func() bool { return readStatus(f.t, x.Name).Status.State == "unhealthy" })
	}
}

// checkLost applies faults of which nothing is to arrive. A Device that is applied
// after them arrives after them, too.
func (f *faulty) checkLost(faults []fault.Fault) {
	f.t.Helper()
	f.applyFaults(faults)
	f.checkNext("after-lost")
	f.checkNothing(faults)
}

// checkDeadly applies the fault that cloudcore crashes of. All goes on without
// cloudcore, and with it when the Device is deleted. So are those whose model is
// missing, for which the next tests would have to wait.
func (f *faulty) checkDeadly() {
	f.t.Helper()
	f.applyFaults([]fault.Fault{fault.Deadly})
	eventually(f.t, "cloudcore crashes of a Device without a model", func() bool { return !cluster.Cloudcore.Running() })
	restart(f.t, cluster.Cloudcore, func() {
		for _, x := range append(slices.Clone(fault.Lost), fault.Deadly) {
			remove(f.t, x.Text(kubeedge.Node))
		}
	})
	awaitTwin(f.t, "a twin, by a cloudcore that edgecore has found again", "right-virtual", "p0")
	f.checkNext("after-deadly")
	f.checkNothing([]fault.Fault{fault.Deadly})
}

// checkNext waits until a Device that is right arrives.
func (f *faulty) checkNext(name string) {
	f.t.Helper()
	apply(f.t, counters(name))
	eventually(f.t, "values of "+name, func() bool { return len(f.values.Messages(name)) > 0 })
}

// checkNothing fails if anything is told of Devices.
func (f *faulty) checkNothing(faults []fault.Fault) {
	f.t.Helper()
	status := overview(f.t, f.mapper)
	for _, x := range faults {
		if got, known := status[x.Name]; known {
			f.t.Errorf("%s has arrived: GET /status has %+v", x.Name, got)
		}
		if got := f.events.Events(x.Name); len(got) > 0 {
			f.t.Errorf("%s has arrived: there is the event %+v", x.Name, got[0].Message)
		}
		if got := readStatus(f.t, x.Name).Status; got.State != "" || len(got.Twins) > 0 {
			f.t.Errorf("%s has arrived: DeviceStatus has %+v", x.Name, got)
		}
	}
}

// applyFaults applies Devices, and deletes them when the test ends.
func (f *faulty) applyFaults(faults []fault.Fault) {
	f.t.Helper()
	var text strings.Builder
	for _, x := range faults {
		text.WriteString(x.Text(kubeedge.Node))
	}
	f.t.Cleanup(func() { remove(f.t, text.String()) })
	f.apply(text.String())
}

func (f *faulty) apply(text string) {
	f.t.Helper()
	if _, err := applyServerSide(text); err != nil {
		f.t.Fatal(err)
	}
}

// applyServerSide applies resources as the API server checks them most strictly.
func applyServerSide(text string) (string, error) {
	return tryKubectl(text, "apply", "--server-side", "-f", "-")
}
