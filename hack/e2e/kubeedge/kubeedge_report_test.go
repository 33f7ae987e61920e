package kubeedge

import (
	"strings"
	"testing"
)

// TestKubeEdgeReports: the first report of each property is lost, the second
// shows.
func TestKubeEdgeReports(t *testing.T) {
	p := newProbe(t, "reports", "reports")
	p.register()
	apply(t, probed("reporting", "reports", ""))
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "reporting") })
	send := func(value string) {
		t.Helper()
		if err := p.report("reporting", "value", value); err != nil {
			t.Fatal(err)
		}
	}
	send("first")
	eventually(t, "a twin", func() bool { return len(readStatus(t, "reporting").Status.Twins) == 1 })
	if got := reported(t, "reporting", "value"); got != "" {
		t.Errorf("after the first report: got %q, want nothing", got)
	}
	send("second")
	eventually(t, "the second report", func() bool { return reported(t, "reporting", "value") == "second" })
}

// TestKubeEdgePattern: what KubeEdge's pattern of values forbids is dropped, and
// the call returns no error.
func TestKubeEdgePattern(t *testing.T) {
	p := newProbe(t, "pattern", "pattern")
	p.register()
	apply(t, probed("patterned", "pattern", ""))
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "patterned") })
	for _, value := range []string{"good", "good", "1e+06", "with space", strings.Repeat("x", 513)} {
		if err := p.report("patterned", "value", value); err != nil {
			t.Errorf("report of %.10q: %v", value, err)
		}
	}
	for _, value := range []string{strings.Repeat("x", 512), "a-b_c.d,e:f/g@h#i"} {
		if err := p.report("patterned", "value", value); err != nil {
			t.Errorf("report of %.10q: %v", value, err)
		}
		eventually(t, "the value "+value[:10], func() bool {
			got := reported(t, "patterned", "value")
			if got != "" && got != "good" && got != value && got != strings.Repeat("x", 512) {
				t.Fatalf("the twin shows %q", got)
			}
			return got == value
		})
	}
}
