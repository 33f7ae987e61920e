package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// testLoad is little, for a machine that is busy.
var testLoad = load.Order{For: 300 * time.Millisecond, Rate: 1000}

// TestPeersCarryAll has each peer carry a little, with the real programs.
func TestPeersCarryAll(t *testing.T) {
	p := testPrograms(t)
	if err := p.startMosquitto(t.Context()); err != nil {
		t.Fatal(err)
	}
	zmq, err := p.zmqPath(t.Context())
	checkPath(t, zmq, err)
	mqtt, err := p.mqttPath(t.Context())
	checkPath(t, mqtt, err)
}

// TestUplinkCarriesAll does so with cloudsvc.
func TestUplinkCarriesAll(t *testing.T) {
	cloud := stack.New(t)
	p := testPrograms(t)
	for _, class := range dataplane.Classes {
		sink := setup{Kind: kindDatastub, Address: cloud.URL(), Topic: rtTopic, Class: class}
		source := setup{Kind: kindDatastub, Address: "tcp://" + cloud.Uplink, Topic: rtTopic, Class: class, Node: "n-" + class.String(), Window: datastubWindow}
		w, err := p.newPath(t.Context(), class.String(), syncAlways, sink, source)
		checkPath(t, w, err)
	}
}

// TestHooksCarryAll does so with receivers of webhooks.
func TestHooksCarryAll(t *testing.T) {
	s := stack.New(t, "--webhook-allow", "127.0.0.0/8")
	p := testPrograms(t)
	c := cloud{http: s.URL(), uplink: "tcp://" + s.Uplink, cloudsvc: s.Cloudsvc.Process}
	if err := c.subscribeOthers(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	w, err := p.hookPath(t.Context(), &c, "hooks", 3)
	checkPath(t, w, err)
}

func testPrograms(t *testing.T) *programs {
	t.Helper()
	p := &programs{dir: t.TempDir()}
	var err error
	if p.log, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			p.showLog(os.Stderr)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func checkPath(t *testing.T, p *path, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	got, err := p.measure(t.Context(), 50*time.Millisecond, testLoad)
	if err != nil {
		t.Fatal(err)
	}
	if got.Received == 0 || !got.Complete() || got.P50 <= 0 || got.P99 < got.P50 || got.Max < got.P99 {
		t.Errorf("%s: %+v", p.name, got)
	}
	for _, u := range got.Usage {
		if u.CPU <= 0 || u.MaxRSS < 1<<20 {
			t.Errorf("%s: %+v", p.name, u)
		}
	}
}

// TestRoleThatFailsIsTold says who it was, instead of waiting.
func TestRoleThatFailsIsTold(t *testing.T) {
	p := testPrograms(t)
	gone := setup{Kind: kindDatastub, Address: "http://127.0.0.1:1", Topic: rtTopic, Class: dataplane.RT, Node: "n"}
	if _, err := p.newPath(t.Context(), "gone", syncAlways, gone, setup{}); err == nil || !strings.Contains(err.Error(), "sink of datastub ended") {
		t.Errorf("got %v", err)
	}
}

// TestDatastubBench is the command line's own benchmark, against the real
// programs: it is here, where both are.
func TestDatastubBench(t *testing.T) {
	cloud := stack.New(t)
	for _, class := range dataplane.Classes {
		cmd := stack.Command("datastub", "bench", "--server", cloud.URL(), "--uplink", "tcp://"+cloud.Uplink,
			"--class", class.String(), "--rate", "1000", "--duration", "500ms", "-o", "json")
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("datastub bench: %v\n%s", err, text)
		}
		var got struct {
			Class                   dataplane.Class
			Sent, Received, Missing uint64
			Topic                   string
			Rate                    float64 `json:"messagesPerSecond"`
			P50                     float64 `json:"latencyP50Seconds"`
			P99                     float64 `json:"latencyP99Seconds"`
			Max                     float64 `json:"latencyMaxSeconds"`
			BytesPerValue           float64
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got.Class != class || got.Sent < 100 || got.Received != got.Sent || got.Missing != 0 || len(got.Topic) != len(rtTopic) ||
			got.Rate <= 0 || got.P50 <= 0 || got.P99 < got.P50 || got.Max < got.P99 || got.BytesPerValue < 1 {
			t.Errorf("got %s", text)
		}
	}
}
