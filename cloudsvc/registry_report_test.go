package cloudsvc

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

func testReport() *dataplane.Report {
	return &dataplane.Report{
		Started: testTime, Time: testTime, Clock: &dataplane.ClockOffset{Offset: -1.5, RoundTrip: 0.25},
		Spool:   dataplane.SpoolReport{Storage: dataplane.StorageDisk, Sync: "1s", Fault: "no space left on device", Since: testTime},
		Classes: map[dataplane.Class]dataplane.EdgeCount{dataplane.RT: {Held: 2}, dataplane.BT: {Held: 40}},
	}
}

// TestRegistryShowsReports: what a node says of itself is part of what is
// listed, and what it does not say is not.
func TestRegistryShowsReports(t *testing.T) {
	r, _ := newTestRegistry(RegistryOptions{})
	r.Reported("edge-1/mapper", testReport())
	if got := r.Report("edge-1/mapper"); got != nil {
		t.Errorf("of a stranger there is a report: %+v", got)
	}
	r.Seen("edge-1/mapper", "")
	for i, step := range []struct {
		report *dataplane.Report
		want   string
	}{
		{nil, `"lastSeen":"2026-08-01T12:00:00Z"}`},
		{testReport(), `,"clockOffset":-1.5,"roundTrip":0.25,"spool":{"storage":"disk","sync":"1s","fault":"no space left on device","since":"2026-08-01T12:00:00Z","held":42}}`},
		{&dataplane.Report{Spool: dataplane.SpoolReport{Storage: dataplane.StorageMemory}}, `"lastSeen":"2026-08-01T12:00:00Z","spool":{"storage":"memory","held":0}}`},
	} {
		if step.report != nil {
			r.Reported("edge-1/mapper", step.report)
		}
		if got := r.Report("edge-1/mapper"); got != step.report {
			t.Errorf("step %d: report %+v", i, got)
		}
		got, err := json.Marshal(r.Discover("")[0])
		if err != nil || !strings.HasSuffix(string(got), step.want) {
			t.Errorf("step %d: got %s, %v; want …%s", i, got, err, step.want)
		}
	}
}

// TestIngestTakesReports: one that makes no sense is answered and counted, and
// costs the session nothing.
func TestIngestTakesReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := startCloud(quiet(t.Context()), t, newMemoryLog(), nil)
		session := c.hello(t, "edge-1/m", dataplane.RT).Session
		registry := c.options.Registry
		control, err := testReport().Control(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			f    *dataplane.Control
			want string // the status begins so
		}{
			{control, ""},
			{&dataplane.Control{Kind: "interest", Revision: 9}, dataplane.ControlUnsupported},
			{&dataplane.Control{Kind: dataplane.ControlReport, Revision: 2, Body: []byte("{}")}, "malformed"},
			{&dataplane.Control{Kind: dataplane.ControlReport, Revision: 3}, "malformed"},
		} {
			answers := c.say("edge-1/m", tt.f)
			if len(answers) != 1 {
				t.Fatalf("%+v: answered by %+v", tt.f, answers)
			}
			got, is := answers[0].(*dataplane.Control)
			if !is || !got.Reply || got.Revision != tt.f.Revision || !strings.HasPrefix(got.Status, tt.want) || tt.want == "" && got.Status != "" {
				t.Errorf("%+v: answered by %+v", tt.f, got)
			}
		}
		if got := registry.Report("edge-1/m"); got == nil || !got.Time.Equal(testTime) {
			t.Errorf("the report is %+v", got)
		}
		if _, _, counts := registry.census(); counts.reportsRefused != 2 {
			t.Errorf("%d reports refused: want 2", counts.reportsRefused)
		}
		c.Receive("edge-1/m", dataplane.AppendFrame(nil, dataFrame(t, c.packer, session, dataplane.RT, 1, "a")))
		pass(time.Second)
		if got := c.replies("edge-1/m"); len(got) != 1 {
			t.Errorf("afterwards a record is answered by %+v: want an ACK", got)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}
