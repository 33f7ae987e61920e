package mapper

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"datastub/dataplane"
)

// An uplinked is an Uplink that records, and at its end has delivered all but
// one message.
type uplinked struct {
	recorder
	connected atomic.Bool
	failure   error         // what Run returns, at once, if it is one
	after     []string      // what happened when Run ended
	devices   func() string // looked at when Run ends
	settled   chan struct{} // Settle waits for it, if there is one
}

func (u *uplinked) Run(ctx context.Context) error {
	if u.failure != nil {
		return u.failure
	}
	<-ctx.Done()
	u.after = append(u.after, u.devices())
	return nil
}

// Publish gives ids, as an uplink does.
func (u *uplinked) Publish(messages []dataplane.Message) error {
	for i := range messages {
		messages[i].ID = dataplane.ID{Publisher: "edge-1/mapper", Class: messages[i].Class, Epoch: 1, Seq: uint64(i) + 1}
	}
	return u.recorder.Publish(messages)
}

func (u *uplinked) Connected(dataplane.Class) bool { return u.connected.Load() }

func (u *uplinked) Undelivered() int { return 4 }

func (u *uplinked) Settle(ctx context.Context) error {
	if u.settled == nil {
		return nil
	}
	select {
	case <-u.settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *uplinked) Kept() int { return 1 }

func (u *uplinked) Dropped() int { return 2 }

func (u *uplinked) LANDropped() int { return 3 }

// folderOf returns the folder that a config names.
func folderOf(t *testing.T, config Config, drivers Drivers) Source {
	t.Helper()
	source, err := NewFolder(FolderOptions{Dir: config.Devices.Folder, Defaults: config.DataPlane.Defaults, Vet: drivers.Vet})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// newTestApp returns an app with one scripted device.
func newTestApp(t *testing.T, u *uplinked, s *script) *App {
	t.Helper()
	config := DefaultConfig()
	config.HTTP = ""
	config.Devices.Folder = t.TempDir()
	writeFile(t, config.Devices.Folder, "all.yaml",
		strings.Replace(pumpModel, "INT", "DOUBLE", 1)+"---\n"+strings.Replace(pump("one", "A"), "protocolName: modbus", "protocolName: script", 1))
	drivers := Drivers{"script": s}
	app, err := NewApp(AppOptions{Config: config, Source: folderOf(t, config, drivers), Drivers: drivers, Uplink: u, Intake: new(Intake), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func TestAppStopsDevicesThenUplink(t *testing.T) {
	t.Parallel()
	s := newScript()
	u := &uplinked{devices: func() string {
		if open, opens := s.counts(Key{"default", "one"}); open != 0 || opens != 2 { // vetted and run
			return "the device is open"
		}
		return "the device is closed"
	}}
	app := newTestApp(t, u, s)
	log := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), log))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	var calls [][]dataplane.Message
	eventually(t, "published", func() bool { calls = append(calls, u.take()...); return len(calls) > 0 })
	if m := calls[0][0]; m.Topic != "pump/a" || m.Value != dataplane.DoubleValue(1.5) || m.Class != dataplane.BT {
		t.Errorf("published %+v", m)
	}
	eventually(t, "online", func() bool {
		all := app.Status.Snapshot()
		return len(all) == 1 && all[0].Health.State == Online && time.Since(all[0].Since) < time.Minute
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if want := []string{"the device is closed"}; !reflect.DeepEqual(u.after, want) {
		t.Errorf("when the uplink ended, %v", u.after)
	}
	lines := strings.Split(strings.TrimSpace(log.GetSink().(ktesting.Underlier).GetBuffer().String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "Mapper has stopped") || !strings.Contains(last, "undelivered=4 kept=1 dropped=2 lanDropped=3") {
		t.Errorf("the last line is %s", last)
	}
}

// TestWatchAPIByName: where HTTP is for this machine, no page of a browser on it
// reads anything by a name of its own; where it is for others, they come by any
// name.
func TestWatchAPIByName(t *testing.T) {
	t.Parallel()
	app := newTestApp(t, &uplinked{}, newScript())
	for _, tt := range []struct {
		http   string
		remote bool
		host   string
		status int
	}{
		{"127.0.0.1:7777", false, "127.0.0.1:7777", 200},
		{"127.0.0.1:7777", false, "localhost:7778", 200}, // through a tunnel
		{"127.0.0.1:7777", false, "evil.example:7777", 403},
		{"127.0.0.1:7777", true, "proxy.example", 200},
		{"[::1]:7777", false, "evil.example:7777", 403},
		{"localhost:7777", false, "evil.example:7777", 403},
		{"0.0.0.0:7777", false, "10.42.0.7:7777", 200},
		{"0.0.0.0:7777", false, "mapper.datastub.svc:7777", 200},
		{"edge-1:7777", false, "edge-1:7777", 200},
	} {
		config := DefaultConfig()
		config.HTTP, config.DeviceAPI.Remote = tt.http, tt.remote
		routes := app.watchAPI(AppOptions{Config: config, Metrics: prometheus.NewRegistry()})
		for _, path := range []string{"/status", "/metrics", "/healthz", "/nothing"} {
			w, r, want := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil), tt.status
			if path == "/nothing" && want == http.StatusOK {
				want = http.StatusNotFound
			}
			r.Host = tt.host
			routes.ServeHTTP(w, r)
			if w.Code != want || want == http.StatusForbidden && !strings.Contains(w.Body.String(), "not-this-machine") {
				t.Errorf("%s of %s at %s, remote %v: got %d %s, want %d", path, tt.host, tt.http, tt.remote, w.Code, w.Body, want)
			}
		}
	}
}

func TestAppEndsWithItsUplink(t *testing.T) {
	t.Parallel()
	broken := errors.New("no socket")
	u := &uplinked{failure: broken}
	if err := newTestApp(t, u, newScript()).Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
