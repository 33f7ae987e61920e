package mapper

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/driver"
)

// TestOverview: GET /status tells of each device, of one that was not read yet,
// and of EdgeCore.
func TestOverview(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &uplinked{}
		app := newTestApp(t, u, newScript())
		s := app.Status
		a, b := Key{"default", "a"}, Key{"default", "b"}
		s.ReportSpec(Spec{Key: b, Protocol: "modbus", Properties: make([]Property, 2)})
		s.ConfigSeen(a, time.Now())
		s.ReportSpec(Spec{Key: a, Protocol: "virtual", Properties: make([]Property, 1)})
		s.ReportValues(a, []Reported{{Property: "x", Reading: driver.Reading{Value: 1.5}}})
		s.ReportHealth(a, Health{State: Unhealthy, Reason: "one", Faults: []Fault{{Property: "x", Reason: "one"}}})
		s.TwinsReported(a, time.Now())
		s.TwinsReported(Key{"default", "gone"}, time.Now())
		s.Registered("modbus", time.Now())
		s.Refused("virtual", errors.New("no such\nfile"))
		<-time.After(3 * time.Second)
		s.ReportHealth(a, Health{State: Unhealthy, Reason: "two"})
		s.Registered("modbus", time.Now())
		s.Missing("modbus", []Key{b})
		u.connected.Store(true)
		config := DefaultConfig()
		config.Node = "edge-1"
		answer := httptest.NewRecorder()
		if err := app.overview(&config)(answer, nil); err != nil || answer.Code != http.StatusOK {
			t.Fatalf("got %v, %d", err, answer.Code)
		}
		version := struct{ Version string }{}
		if err := json.Unmarshal(answer.Body.Bytes(), &version); err != nil || version.Version == "" {
			t.Errorf("version %q: %v", version.Version, err)
		}
		const want = `{"node":"edge-1","mapper":"mapper","version":VERSION,"time":"2000-01-01T00:00:03Z","source":"folder",` +
			`"uplink":{"address":"tcp://127.0.0.1:5557","connected":true},` +
			`"edgecore":[{"protocol":"modbus","since":"2000-01-01T00:00:00Z","last":"2000-01-01T00:00:03Z","missing":["default/b"]},` +
			`{"protocol":"virtual","error":"no such; file","errorTime":"2000-01-01T00:00:00Z"}],` +
			`"devices":[{"namespace":"default","name":"a","protocol":"virtual","properties":1,"state":"unhealthy","reason":"two",` +
			`"since":"2000-01-01T00:00:00Z","configSeen":"2000-01-01T00:00:00Z","skipped":0,"twinAge":3},` +
			`{"namespace":"default","name":"b","protocol":"modbus","properties":2,"state":"unknown","reason":"","skipped":0,"twinAge":null}]}`
		quoted, _ := json.Marshal(version.Version)
		got := strings.TrimSpace(strings.Replace(answer.Body.String(), string(quoted), "VERSION", 1))
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		s.Refused("modbus", errors.New("away"))
		s.Registered("virtual", time.Now())
		err := testutil.CollectAndCompare(newStatusCollector(s, true, func() time.Time { return time.Now().Add(time.Second) }), strings.NewReader(`
# HELP datastub_mapper_oldest_config_age_seconds How long ago EdgeCore gave a device's configuration: of the device where that is longest ago.
# TYPE datastub_mapper_oldest_config_age_seconds gauge
datastub_mapper_oldest_config_age_seconds 4
# HELP datastub_mapper_oldest_twin_age_seconds How long ago EdgeCore took a device's twins: of the device where that is longest ago, of those whose twins it ever took.
# TYPE datastub_mapper_oldest_twin_age_seconds gauge
datastub_mapper_oldest_twin_age_seconds 4
# HELP datastub_mapper_registered Whether EdgeCore has the mapper, by protocol.
# TYPE datastub_mapper_registered gauge
datastub_mapper_registered{protocol="modbus"} 0
datastub_mapper_registered{protocol="virtual"} 1
`))
		if err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(newStatusCollector(s, false, time.Now), "datastub_mapper_oldest_config_age_seconds"); n != 0 {
			t.Errorf("ages of files that were read once: got %d, want none", n)
		}
	})
}

// Nothing is said of EdgeCore, nor of ages, before there is any.
func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	s := &Status{}
	if edges, devices := s.Edges(), s.overview(time.Now(), new(Fleet).skipped); len(edges)+len(devices) != 0 || devices == nil {
		t.Errorf("got %v, %v", edges, devices)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newStatusCollector(s, true, time.Now))
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("got %v, %v", families, err)
	}
}

// TestStatusOfManyDevices: an answer about 10,000 devices is some megabytes, and
// nothing of it is kept.
func TestStatusOfManyDevices(t *testing.T) {
	t.Parallel()
	s := &Status{}
	for i := range 10_000 {
		key := Key{"default", fmt.Sprintf("device-%d", i)}
		s.ReportSpec(Spec{Key: key, Protocol: "modbus", Properties: make([]Property, 10)})
		s.ReportHealth(key, Health{State: Online})
		s.TwinsReported(key, time.Now())
	}
	text, err := json.Marshal(s.overview(time.Now(), new(Fleet).skipped))
	if err != nil || len(text) > 4<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
