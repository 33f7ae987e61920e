package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"datastub/hack/stack"
)

// scrape returns a program's metrics.
func scrape(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s/metrics: %d, %v", url, resp.StatusCode, err)
	}
	return string(b)
}

// value returns the value of a series, as it is written.
func value(metrics, series string) string {
	for line := range strings.Lines(metrics) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "no such series"
}

// labels are the names of all labels: the values of each are few, or the same
// for as long as the program runs.
var labels = []string{"class", "code", "goversion", "le", "mapper", "method", "node", "outcome", "protocol", "quantile", "reason", "result", "revision", "route", "rule", "source", "state", "version"}

var label = regexp.MustCompile(`[{,]([a-zA-Z_]+)="`)

// TestMetrics has promtool check both programs after some traffic.
func TestMetrics(t *testing.T) {
	s := stack.New(t)
	m, path := startWithSocket(t, s)
	m.Write("boiler.yaml", stack.ModbusDevice("boiler-1", stack.StartPlant(t)))
	sub := s.Subscribe("#")
	mustPublish(t, path, 1, `{"topic":"room/light","value":true}`, `{"topic":"room/+","value":true}`)
	stack.Eventually(t, "values of both", func() bool {
		return len(sub.Messages("boiler-1")) >= 5 && len(sub.Messages("edge-1")) >= 1
	})
	for name, url := range map[string]string{"mapper": m.URL(), "cloudsvc": s.URL()} {
		metrics := scrape(t, url)
		c := exec.Command("promtool", "check", "metrics")
		c.Stdin = strings.NewReader(metrics)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool of %s: %v\n%s", name, err, out)
		}
		for line := range strings.Lines(metrics) {
			for _, found := range label.FindAllStringSubmatch(line, -1) {
				if !slices.Contains(labels, found[1]) {
					t.Errorf("%s: label %s may have too many values: %s", name, found[1], line)
				}
			}
			if own := strings.HasPrefix(line, "datastub_"); own && !strings.HasPrefix(line, "datastub_"+name+"_") && !strings.HasPrefix(line, "datastub_build_info{") {
				t.Errorf("%s: a name without the program: %s", name, line)
			}
		}
	}
	for series, want := range map[string]string{
		`datastub_mapper_info{mapper="mapper",node="edge-1"}`:                  "1",
		`datastub_mapper_devices{state="online"}`:                              "1",
		`datastub_mapper_devices{state="unknown"}`:                             "0",
		`datastub_mapper_published_messages_total{class="BT",source="socket"}`: "1",
		`datastub_mapper_socket_requests_total{code="202"}`:                    "1",
		`datastub_mapper_socket_requests_total{code="400"}`:                    "1",
		`datastub_mapper_uplink_connected{class="RT"}`:                         "1",
		`datastub_mapper_uplink_connected{class="BT"}`:                         "1",
		`datastub_mapper_spool_accepted_records_total{class="BT"}`:             "1",
		`datastub_mapper_uplink_sent_frames_total{class="BT"}`:                 "1",
		`datastub_mapper_spool_records{class="BT"}`:                            "0",
		`datastub_mapper_uplink_unacknowledged_bytes{class="BT"}`:              "0",
		`datastub_mapper_refused_messages_total{class="BT",source="socket"}`:   "0",
		`datastub_mapper_filtered_values_total{class="RT",rule="onChange"}`:    "0",
		`datastub_mapper_spool_dropped_records_total{class="RT"}`:              "0",
	} {
		stack.Eventually(t, series+" "+want, func() bool { return value(scrape(t, m.URL()), series) == want })
	}
	for series, want := range map[string]string{
		`datastub_cloudsvc_received_messages_total{class="BT"}`:        "1",
		`datastub_cloudsvc_stored_messages_total{class="BT"}`:          "1",
		`datastub_cloudsvc_stored_blocks_total{class="BT"}`:            "1",
		`datastub_cloudsvc_store_duration_seconds_count{class="BT"}`:   "1",
		`datastub_cloudsvc_delivery_latency_seconds_count{class="BT"}`: "1",
		`datastub_cloudsvc_pending_bytes{class="BT"}`:                  "0",
		`datastub_cloudsvc_uplink_sessions{class="RT"}`:                "1",
		`datastub_cloudsvc_uplink_sessions{class="BT"}`:                "1",
		`datastub_cloudsvc_subscriptions`:                              "1",
		`datastub_cloudsvc_durable_subscriptions{state="active"}`:      "0",
		`datastub_cloudsvc_nodes{state="online"}`:                      "1",
		`datastub_cloudsvc_gaps_total{class="RT"}`:                     "0",
	} {
		stack.Eventually(t, series+" "+want, func() bool { return value(scrape(t, s.URL()), series) == want })
	}
	if n := value(scrape(t, s.URL()), `datastub_cloudsvc_http_requests_total{code="200",route="/metrics"}`); n == "0" || n == "no such series" {
		t.Errorf("requests of /metrics: got %s, want some", n)
	}
}

// TestMapperReady has a mapper that cloudsvc is not there for: it is alive, and
// ready from the moment when cloudsvc has taken it in, also when cloudsvc is
// away again.
func TestMapperReady(t *testing.T) {
	s := stack.New(t)
	s.Cloudsvc.Stop()
	m := s.StartMapper("edge-1", nil)
	status := func(path string) string {
		resp, err := http.Get(m.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(b)))
	}
	if got := status("/healthz"); got != `200 {"status":"ok"}` {
		t.Errorf("healthz without cloudsvc: got %s", got)
	}
	if got := status("/readyz"); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "cloudsvc has not answered at dataplane.uplink") {
		t.Errorf("readyz without cloudsvc: got %s", got)
	}
	s.StartCloudsvc()
	stack.Eventually(t, "the mapper is ready", func() bool { return status("/readyz") == `200 {"status":"ready"}` })
	s.Cloudsvc.Stop()
	stack.Eventually(t, "the uplink is down", func() bool {
		return value(scrape(t, m.URL()), `datastub_mapper_uplink_connected{class="RT"}`) == "0"
	})
	if got := status("/readyz"); got != `200 {"status":"ready"}` {
		t.Errorf("readyz when cloudsvc is away again: got %s", got)
	}
}
