package cloudsvc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// moved returns the series that are not 0, but buckets, as they are scraped.
func moved(registry *prometheus.Registry) []string {
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var lines []string
	for line := range strings.Lines(answer.Body.String()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "datastub_cloudsvc_")
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket{") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// TestMetricsMove has each metric tell of what it says, and of nothing else.
func TestMetricsMove(t *testing.T) {
	tests := map[string]struct {
		happen func(m *Metrics)
		want   []string
	}{
		"nothing": {func(*Metrics) {}, nil},
		"received": {func(m *Metrics) { m.received(dataplane.RT, 3, 100) },
			[]string{`received_bytes_total{class="RT"} 100`, `received_messages_total{class="RT"} 3`}},
		"pending": {func(m *Metrics) { m.pending(dataplane.BT, 100); m.pending(dataplane.BT, -40) },
			[]string{`pending_bytes{class="BT"} 60`}},
		"a gap": {func(m *Metrics) { m.gap(dataplane.BT, 7) },
			[]string{`gap_messages_total{class="BT"} 7`, `gaps_total{class="BT"} 1`}},
		"stored": {func(m *Metrics) { m.blockStored(dataplane.RT, 500, 20, 250*time.Millisecond) }, []string{
			`store_duration_seconds_count{class="RT"} 1`, `store_duration_seconds_sum{class="RT"} 0.25`,
			`stored_blocks_total{class="RT"} 1`, `stored_bytes_total{class="RT"} 500`, `stored_messages_total{class="RT"} 20`,
		}},
		"queued": {func(m *Metrics) { m.queued(dataplane.RT, 500*time.Millisecond) },
			[]string{`delivery_latency_seconds_count{class="RT"} 1`, `delivery_latency_seconds_sum{class="RT"} 0.5`}},
		"queued, by a clock that is ahead": {func(m *Metrics) { m.queued(dataplane.RT, -time.Hour) },
			[]string{`delivery_latency_seconds_count{class="RT"} 1`}},
		"replies": {func(m *Metrics) {
			m.replied([]uplink.Reply{{Frame: &dataplane.Ack{}}, {Frame: &dataplane.Refuse{Code: dataplane.RefuseInUse}}})
		}, []string{`uplink_refusals_total{code="in use"} 1`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			tt.happen(NewMetrics(registry))
			if got := moved(registry); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestProducersAreCounted counts by what has become of the connection.
func TestProducersAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startProducers(t, newMemoryLog(), nil)
		registry := prometheus.NewRegistry()
		registry.MustRegister(r.Producers)
		for i, step := range []struct {
			do   func()
			want []string
		}{
			{func() {}, nil},
			{func() { r.register(t, "none", "") }, nil},
			{func() { r.register(t, "a", "tcp://192.0.2.1:1"); r.register(t, "b", "tcp://192.0.2.1:1") }, []string{`producers{state="waiting"} 2`}},
			{func() { r.Changed("a", nil) }, []string{`producers{state="connected"} 1`, `producers{state="waiting"} 1`}},
			{func() { r.Changed("a", errors.New("broke")) }, []string{`producers{state="failing"} 1`, `producers{state="waiting"} 1`}},
			{func() { r.register(t, "a", "") }, []string{`producers{state="waiting"} 1`}},
			{func() { pass(31 * time.Second) }, nil},
		} {
			step.do()
			if got := moved(registry); !slices.Equal(got, step.want) {
				t.Errorf("step %d: got %q, want %q", i, got, step.want)
			}
		}
		r.end()
	})
}

// TestRequestsAreCounted counts by route: whatever strangers ask for is one.
func TestRequestsAreCounted(t *testing.T) {
	s := startService(t, nil)
	for _, request := range [][2]string{
		{http.MethodGet, "/healthz"}, {http.MethodGet, "/healthz"}, {http.MethodGet, "/discover?topic=a//b"},
		{http.MethodGet, "/a"}, {http.MethodGet, "/b"}, {http.MethodDelete, "/publish"},
	} {
		s.do(t, request[0], request[1], "")
	}
	for series, want := range map[[2]string]float64{
		{"/healthz", "200"}: 2, {"/discover", "400"}: 1, {noRoute, "404"}: 2, {noRoute, "405"}: 1,
	} {
		if got := testutil.ToFloat64(s.dispatcher.metrics.requests.WithLabelValues(series[0], series[1])); got != want {
			t.Errorf("requests of %v: got %v, want %v", series, got, want)
		}
	}
}
