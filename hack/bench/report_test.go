package main

import (
	"strings"
	"testing"
	"time"

	"datastub/dataplane/build"
)

func testReport() *report {
	ours := newSide("datastub_RT", syncAlways, []float64{3, 1, 2000, 2, 4}, [][]usage{{{"cloudsvc", time.Second, 3 << 20}}})
	peer := newSide("zmq_pub_sub", syncNone, []float64{6, 6, 6, 7, 5}, nil)
	return &report{
		Time:    time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC),
		Build:   build.Stamp{Revision: "0123456789abcdef0123", Modified: true},
		Machine: machine{Cores: 2, CPU: "Z80", Memory: 4 << 30, Kernel: "6.1", Fsync: 250 * time.Microsecond, Go: "go1.26"},
		Figures: []figure{newFigure("rt_throughput", "msg/s", higher, "much", ours, peer)},
	}
}

func TestFigurePrints(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	testReport().Figures[0].print(&text)
	want := `bench rt_throughput 3.00 msg/s peer zmq_pub_sub 6.00 ratio 0.500 sync=always peer_sync=none
# rt_throughput: higher is better; much; 5 rounds, 1.00 to 2000, zmq_pub_sub 5.00 to 7.00
# rt_throughput: datastub_RT used, in the median round: cloudsvc 1.00 CPU s, 3.00 MiB at most
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
}

func TestReportGoesIntoAReadme(t *testing.T) {
	t.Parallel()
	const before, after = "# A\n" + beginMark, endMark + "more\n"
	want := before + "```\n# commit 0123456789ab and changes, 2026-08-01, 2 cores of Z80, 4 GiB, Linux 6.1, 4 KiB synced to disk in 0.25 ms, go1.26\n" +
		"bench rt_throughput 3.00 msg/s peer zmq_pub_sub 6.00 ratio 0.500 sync=always peer_sync=none\n```\n" + after
	for _, text := range []string{before + after, before + "old\n" + after, want} {
		got, err := testReport().insert([]byte(text))
		if err != nil || string(got) != want {
			t.Errorf("got\n%s\n%v, want\n%s", got, err, want)
		}
	}
	for _, text := range []string{"", before, after} {
		if _, err := testReport().insert([]byte(text)); err == nil || !strings.Contains(err.Error(), "want the lines") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
