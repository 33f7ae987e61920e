package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/fault"
	"datastub/hack/poll"
	"datastub/mapper"
)

// A mailbox is a Publisher that keeps the events of each device, and counts the
// values.
type mailbox struct {
	mu     sync.Mutex
	values map[string]int      // by device
	events map[string][]string // by device: kind, property, event and reason
}

func (b *mailbox) Publish(messages []dataplane.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		kind, event := strings.CutPrefix(m.Topic, dataplane.EventTopic+"/")
		if !event {
			b.values[m.Device]++
			continue
		}
		text, _ := m.Value.Text()
		var said struct{ Event, Reason string }
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			return err
		}
		b.events[m.Device] = append(b.events[m.Device], fmt.Sprintf("%s %s %s: %s", kind, m.Property, said.Event, said.Reason))
	}
	return nil
}

// told returns the events of a device, or of a model.
func (b *mailbox) told(name string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events[name])
}

// count returns how many values of a device there are.
func (b *mailbox) count(device string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.values[device]
}

// TestFaults runs devices with every fault beside two that are right: each
// fault is told once, with what would be right, as an event and in the device's
// health; the properties beside it have values, and so do the neighbours.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := fault.All()
	folder := t.TempDir()
	writeFile(t, folder, "models.yaml", fault.Models+fault.WrongType)
	neighbours := []string{"neighbour", strings.Repeat("n", 253)} // the longest name that Kubernetes knows
	for _, name := range neighbours {
		right := fault.Fault{Name: name, Spec: "deviceModelRef: {name: m}, properties: [{name: a, collectCycle: 20, visitors: {configData: {qosClass: RT}}}]"}
		writeFile(t, folder, name[:9]+".yaml", right.Text("here"))
	}
	for _, f := range faults {
		writeFile(t, folder, f.Name+".yaml", f.Text("here"))
	}
	box := &mailbox{values: map[string]int{}, events: map[string][]string{}}
	status, events := &mapper.Status{}, mapper.NewEvents(box, new(mapper.Tally))
	source, err := mapper.NewFolder(mapper.FolderOptions{Dir: folder, Defaults: mapper.DefaultRules(), Vet: drivers().Vet})
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := mapper.NewFleet(mapper.FleetOptions{Drivers: drivers(), Publisher: box, Reporter: mapper.Reporters{status, events}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error { return source.Run(ctx, fleet) }, fleet.Run, events.Run,
	} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	defer running.Wait()
	defer cancel()
	for _, f := range faults {
		want := []string{"device  unhealthy: " + f.Reason}
		for _, property := range f.Properties() {
			want = append(want, "property "+property+" faulty: "+f.Reason)
		}
		var got []string
		await(t, "the fault of "+f.Name+" is told", func() bool { got = box.told(f.Name); return len(got) >= len(want) })
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", f.Name, got, want)
		}
		if f.HasNeighbour() {
			await(t, "values of b of "+f.Name, func() bool { return box.count(f.Name) > 0 })
		}
	}
	if got, want := box.told("none"), []string{"model  missing: " + fault.Lost[0].Reason}; !slices.Equal(got, want) {
		t.Errorf("the model that is missing: got %q, want %q", got, want)
	}
	for _, name := range neighbours {
		n := box.count(name)
		await(t, "further values of "+name[:9], func() bool { return box.count(name) > n+5 })
		if got, want := box.told(name), []string{"device  online: "}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, d := range status.Snapshot() {
		if i := slices.IndexFunc(faults, func(f fault.Fault) bool { return f.Name == d.Key.Name }); i >= 0 && d.Health.Reason != faults[i].Reason {
			t.Errorf("%s is unhealthy because of %q, want %q", d.Key.Name, d.Health.Reason, faults[i].Reason)
		}
	}
}

// await waits until ok, for at most 30 s.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 30*time.Second, what, ok)
}
