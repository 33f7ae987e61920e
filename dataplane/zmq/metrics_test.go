package zmq

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"datastub/dataplane"
)

// counted returns a publisher's series by name, without the prefix.
func counted(t *testing.T, p *Publisher) map[string]string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(p); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	series := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "#" {
			series[strings.TrimPrefix(name, "datastub_mapper_")] = value
		}
	}
	return series
}

// TestPublisherMetrics follows records from the spool to the cloud, through a
// restart of it.
func TestPublisherMetrics(t *testing.T) {
	p := startPublisher(t, PublisherOptions{Uplink: "tcp://127.0.0.1:" + freePort(t)})
	want := func(series ...string) {
		t.Helper()
		var got map[string]string
		eventually(t, strings.Join(series, ", "), func() bool {
			got = counted(t, p.Publisher)
			return !slices.ContainsFunc(series, func(s string) bool {
				name, value, _ := strings.Cut(s, " ")
				return got[name] != value
			})
		})
	}
	publish(t, p, dataplane.RT, 0, 5)
	want(`spool_accepted_records_total{class="RT"} 5`, `spool_records{class="RT"} 5`, `spool_dropped_records_total{class="RT"} 0`,
		`uplink_connected{class="RT"} 0`, `uplink_sessions_total{class="RT"} 0`, `uplink_credit_bytes{class="RT"} 0`,
		`spool_accepted_records_total{class="BT"} 0`, `uplink_dials_total{class="BT"} 0`)
	if got := counted(t, p.Publisher); got[`spool_bytes{class="RT"}`] != got[`spool_accepted_bytes_total{class="RT"}`] || got[`spool_bytes{class="RT"}`] == "0" {
		t.Errorf("bytes: got %v held, %v accepted", got[`spool_bytes{class="RT"}`], got[`spool_accepted_bytes_total{class="RT"}`])
	}

	endpoint := p.lanes[dataplane.RT].endpoint
	c := startCloud(t, endpoint, nil)
	want(`spool_records{class="RT"} 0`, `spool_bytes{class="RT"} 0`, `uplink_connected{class="RT"} 1`, `uplink_sessions_total{class="RT"} 1`,
		`uplink_unacknowledged_bytes{class="RT"} 0`, `uplink_resent_frames_total{class="RT"} 0`)
	got := counted(t, p.Publisher)
	for _, name := range []string{"uplink_sent_frames_total", "uplink_sent_bytes_total", "uplink_acks_total", "uplink_credit_bytes", "uplink_dials_total"} {
		if n := got[name+`{class="RT"}`]; n == "0" || n == "" {
			t.Errorf("%s: got %q, want some", name, n)
		}
	}
	c.stop()
	want(`uplink_connected{class="RT"} 0`, `uplink_credit_bytes{class="RT"} 0`)
	startCloud(t, endpoint, c.messages())
	want(`uplink_connected{class="RT"} 1`, `uplink_sessions_total{class="RT"} 2`)
	p.stop()
}

func TestLANMetrics(t *testing.T) {
	p := startPublisher(t, PublisherOptions{Uplink: "tcp://127.0.0.1:" + freePort(t), LAN: "tcp://127.0.0.1:" + freePort(t)})
	publish(t, p, dataplane.BT, 0, 3)
	eventually(t, "three messages on the LAN", func() bool {
		got := counted(t, p.Publisher)
		return got["lan_published_messages_total"] == "3" && got["lan_dropped_messages_total"] == "0"
	})
	p.stop()
}
