package mapper

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/dataplane"
	"datastub/driver"
)

// TestFleetMetrics has a device in each state, and reads that end in each way.
func TestFleetMetrics(t *testing.T) {
	t.Parallel()
	status := &Status{}
	fleet, err := NewFleet(FleetOptions{Drivers: Drivers{"script": newScript()}, Publisher: &recorder{}, Reporter: status})
	if err != nil {
		t.Fatal(err)
	}
	for n, state := range []State{Online, Online, Offline, Unhealthy, ""} {
		key := Key{"default", fmt.Sprintf("device-%d", n)}
		fleet.Put(Spec{Key: key})
		if state != "" {
			status.ReportHealth(key, Health{State: state})
		}
	}
	for range 5 {
		fleet.counters.tally.read(dataplane.RT)
	}
	fleet.counters.failed.Add(2)
	fleet.counters.skipped.Add(3)
	fleet.counters.dropped.Add(1)
	for _, err := range []error{nil, nil, context.DeadlineExceeded, fmt.Errorf("dial: %w", driver.ErrUnreachable), errors.New("garbage")} {
		fleet.counters.read(20*time.Millisecond, err)
	}
	err = testutil.CollectAndCompare(newFleetCollector(fleet, status), strings.NewReader(`
# HELP datastub_mapper_devices Devices, by state; unknown are those that were not read yet.
# TYPE datastub_mapper_devices gauge
datastub_mapper_devices{state="offline"} 1
datastub_mapper_devices{state="online"} 2
datastub_mapper_devices{state="unhealthy"} 1
datastub_mapper_devices{state="unknown"} 1
# HELP datastub_mapper_dropped_news_total Values that devices told by themselves, dropped because more of a device waited than may.
# TYPE datastub_mapper_dropped_news_total counter
datastub_mapper_dropped_news_total 1
# HELP datastub_mapper_readings_total Values read of properties, by result: ok or error.
# TYPE datastub_mapper_readings_total counter
datastub_mapper_readings_total{result="error"} 2
datastub_mapper_readings_total{result="ok"} 5
# HELP datastub_mapper_skipped_cycles_total Cycles left out because the device was still being read.
# TYPE datastub_mapper_skipped_cycles_total counter
datastub_mapper_skipped_cycles_total 3
`))
	if err != nil {
		t.Error(err)
	}
	for _, err := range []error{nil, nil, nil, context.DeadlineExceeded, fmt.Errorf("dial: %w", driver.ErrUnreachable), errors.New("illegal address")} {
		fleet.counters.write(err)
	}
	err = testutil.CollectAndCompare(fleet.counters.writes, strings.NewReader(`
# HELP datastub_mapper_writes_total Writes that drivers were asked for, by result: written, unanswered (the device may hold the value or not) or refused.
# TYPE datastub_mapper_writes_total counter
datastub_mapper_writes_total{result="refused"} 1
datastub_mapper_writes_total{result="unanswered"} 2
datastub_mapper_writes_total{result="written"} 3
`))
	if err != nil {
		t.Error(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(fleet.counters.reads)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
	}
	for result, want := range map[string]uint64{"ok": 2, "timeout": 1, "unreachable": 1, "error": 1} {
		if got[result] != want {
			t.Errorf("reads that ended with %s: got %d, want %d", result, got[result], want)
		}
	}
}
