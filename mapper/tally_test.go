package mapper

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/driver"
)

// TestTally follows values to each end that one can come to, and holds the
// counts to Read = Filtered + Refused + Accepted.
func TestTally(t *testing.T) {
	t.Parallel()
	p, intake := &recorder{}, new(Intake)
	rules := []Rules{
		{Topic: "a", Class: dataplane.RT, Publish: true, OnChange: true},
		{Topic: "b", Class: dataplane.RT, Publish: true, Deadband: Deadband{Width: 1}},
		{Topic: "c", Class: dataplane.BT, Publish: true},
		{Topic: "d", Class: dataplane.BT},
	}
	spec := &Spec{Key: Key{"plant", "silo-7"}}
	for _, r := range rules {
		spec.Properties = append(spec.Properties, Property{Point: driver.PointConfig{Name: r.Topic, Type: driver.Double}, Rules: r})
	}
	h := NewHook(spec, p, &intake.Devices, func() time.Time { return noon })
	broken := Collected{Reading: driver.Reading{Err: errors.New("no answer")}} // no value was read
	all := []Collected{read(0, 1.0), read(1, 1.0), read(2, 1.0), read(3, 1.0), broken}
	for _, err := range []error{nil, errors.New("closed"), nil} { // the second keeps back a and b, and c is refused
		p.refuse(err)
		h.Publish(klog.Background(), all)
	}
	h.Publish(klog.Background(), []Collected{read(0, 2.0), read(1, 1.5), read(2, "a string")})
	if err := intake.Socket.offer(p, []dataplane.Message{{Class: dataplane.BT}}); err != nil {
		t.Fatal(err)
	}
	intake.Socket.read(dataplane.BT)
	intake.Devices.Lost(dataplane.RT)

	for class, want := range map[dataplane.Class]dataplane.EdgeCount{
		dataplane.RT: {Read: 9, Refused: 1, Accepted: 3, Filtered: dataplane.FilteredCount{OnChange: 2, Deadband: 3}},
		dataplane.BT: {Read: 8, Refused: 2, Accepted: 3, Filtered: dataplane.FilteredCount{Publish: 3}},
	} {
		got := intake.Count(class)
		if got != want {
			t.Errorf("%v: got %+v, want %+v", class, got, want)
		}
		if got.Read != got.Filtered.Sum()+got.Refused+got.Accepted {
			t.Errorf("%v: %+v does not add up", class, got)
		}
	}
	err := testutil.CollectAndCompare(intake, strings.NewReader(`
# HELP datastub_mapper_filtered_values_total Values of devices that were not published, by the rule that says so: publish, onChange or deadband.
# TYPE datastub_mapper_filtered_values_total counter
datastub_mapper_filtered_values_total{class="BT",rule="deadband"} 0
datastub_mapper_filtered_values_total{class="BT",rule="onChange"} 0
datastub_mapper_filtered_values_total{class="BT",rule="publish"} 3
datastub_mapper_filtered_values_total{class="RT",rule="deadband"} 3
datastub_mapper_filtered_values_total{class="RT",rule="onChange"} 2
datastub_mapper_filtered_values_total{class="RT",rule="publish"} 0
# HELP datastub_mapper_published_messages_total Messages that the data plane accepted.
# TYPE datastub_mapper_published_messages_total counter
datastub_mapper_published_messages_total{class="BT",source="devices"} 2
datastub_mapper_published_messages_total{class="BT",source="events"} 0
datastub_mapper_published_messages_total{class="BT",source="socket"} 1
datastub_mapper_published_messages_total{class="RT",source="devices"} 3
datastub_mapper_published_messages_total{class="RT",source="events"} 0
datastub_mapper_published_messages_total{class="RT",source="socket"} 0
# HELP datastub_mapper_refused_messages_total Messages that the data plane refused, and values that no message can carry: they are lost.
# TYPE datastub_mapper_refused_messages_total counter
datastub_mapper_refused_messages_total{class="BT",source="devices"} 2
datastub_mapper_refused_messages_total{class="BT",source="events"} 0
datastub_mapper_refused_messages_total{class="BT",source="socket"} 0
datastub_mapper_refused_messages_total{class="RT",source="devices"} 1
datastub_mapper_refused_messages_total{class="RT",source="events"} 0
datastub_mapper_refused_messages_total{class="RT",source="socket"} 0
`))
	if err != nil {
		t.Error(err)
	}
}
