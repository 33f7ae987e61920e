package mapper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
	"datastub/dataplane/rest"
	"datastub/mapper/socket"
)

// socketDir returns a folder whose path leaves room for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "datastub-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A served is an app that runs, with a socket and HTTP.
type served struct {
	uplink *uplinked
	app    *App
	path   string // of the socket
	socket *http.Client
	stop   func() // ends Run, and waits for it
}

// serveApp runs an app whose uplink takes what is published.
func serveApp(t *testing.T, u *uplinked) *served {
	t.Helper()
	s := &served{uplink: u, path: filepath.Join(socketDir(t), "publish.sock")}
	if u.devices == nil {
		u.devices = func() string { return "" }
	}
	config := DefaultConfig()
	config.Node, config.HTTP, config.Devices.Folder, config.DataPlane.Socket = "edge-1", "127.0.0.1:0", t.TempDir(), s.path
	drivers := Drivers{"script": newScript()}
	var err error
	s.app, err = NewApp(AppOptions{Config: config, Source: folderOf(t, config, drivers), Drivers: drivers, Uplink: u, Intake: new(Intake), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its cleanups
	done := make(chan error, 1)
	go func() { done <- s.app.Run(ctx) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.path)
	}}
	s.socket = &http.Client{Transport: transport}
	var ended bool
	s.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		transport.CloseIdleConnections()
	}
	t.Cleanup(s.stop)
	return s
}

// do sends a request and returns status and body.
func do(t *testing.T, client *http.Client, method, url, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func TestPublishAPIFillsIn(t *testing.T) {
	t.Parallel()
	s := serveApp(t, &uplinked{})
	begun := time.Now()
	if status, body := do(t, s.socket, "POST", "http://mapper/publish",
		`[{"topic":"a","value":1},{"topic":"a","value":1,"time":"2100-01-01T00:00:00Z"},{"topic":"a","value":1,"class":"rt","device":"d","namespace":"n","id":"x/y/RT/1/1","node":"forged","seq":9}]`); status != http.StatusAccepted || strings.Count(body, `"edge-1/mapper/`) != 3 {
		t.Errorf("answer: got %d %s", status, body)
	}
	calls := s.uplink.take()
	if len(calls) != 1 || len(calls[0]) != 3 {
		t.Fatalf("published %v: want three messages in one call", calls)
	}
	m := calls[0]
	if m[0].Address() != "default/a/edge-1" || m[0].Class != dataplane.BT || m[0].Time.Before(begun) || m[0].Unit != "" || !m[0].Quality.IsGood() {
		t.Errorf("what says little: got %+v", m[0])
	}
	if m[1].Quality != "uncertain: time is more than 1h ahead of the mapper's clock" {
		t.Errorf("what comes from the future: got quality %q", m[1].Quality)
	}
	if m[2].Address() != "n/a/d" || m[2].Class != dataplane.RT {
		t.Errorf("what says all: got %+v", m[2])
	}
}

// TestPublishAPISettles: whoever is answered may forget what it sent.
func TestPublishAPISettles(t *testing.T) {
	t.Parallel()
	u := &uplinked{settled: make(chan struct{})}
	s := serveApp(t, u)
	answered := make(chan int, 1)
	go func() {
		status, _ := do(t, s.socket, "POST", "http://mapper/publish", `{"topic":"a","value":1}`)
		answered <- status
	}()
	select {
	case u.settled <- struct{}{}:
	case status := <-answered:
		t.Fatalf("answered %d before it was on disk", status)
	}
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("answered %d", status)
	}
}

func TestPublishAPIRefuses(t *testing.T) {
	t.Parallel()
	s := serveApp(t, &uplinked{})
	tests := map[string]struct {
		method, path, body string
		status             int
		want               string // in the body
	}{
		"nothing there":  {"GET", "/discover", "", 404, `no-such-path","title":"No such path","status":404,"detail":"there is nothing at this path: want POST /publish, GET /healthz","instance":"/discover"`},
		"another method": {"PUT", "/publish", "{}", 405, "urn:datastub:problem:method-not-allowed"},
		"no body":        {"POST", "/publish", "", 400, "body is empty: want JSON"},
		"no JSON":        {"POST", "/publish", "{", 400, "body is not JSON: it ends too soon, at byte 1"},
		"no topic":       {"POST", "/publish", `{"value":1}`, 400, `"errors":[{"field":"topic","detail":"topic is empty"}]`},
		"an event":       {"POST", "/publish", `{"topic":"$events/x","value":1}`, 400, "is kept for events"},
		"too many":       {"POST", "/publish", "[" + strings.Repeat("1,", rest.MaxPublishMessages) + "1]", 400, "more than 10000 messages: publish them in several requests"},
		"too large":      {"POST", "/publish", strings.Repeat(" ", rest.MaxPublishBody) + "1", 413, "the body is larger than 8388608 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := do(t, s.socket, tt.method, "http://mapper"+tt.path, tt.body)
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("got %d %s\nwant %d with %s", status, body, tt.status, tt.want)
			}
		})
	}
	if calls := s.uplink.take(); len(calls) > 0 {
		t.Errorf("published %v", calls)
	}
}

// A publisher that refuses is not the client's fault, and what it says is not
// the client's business.
func TestPublishAPITellsNoInternals(t *testing.T) {
	t.Parallel()
	u := &uplinked{}
	u.refuse(errors.New("write /var/lib/secret: disk full"))
	s := serveApp(t, u)
	status, body := do(t, s.socket, "POST", "http://mapper/publish", `{"topic":"a","value":1}`)
	if status != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("got %d %s", status, body)
	}
}

// Clients that never finish, and one that never reads, keep nobody else from
// publishing, nor the app from ending.
func TestPublishAPISurvivesItsClients(t *testing.T) {
	t.Parallel()
	s := serveApp(t, &uplinked{})
	for n := range 50 {
		conn, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		text := [...]string{
			"", "POST /pub", "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n{",
			"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\xff\r\n\r\n",
		}[n%5]
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := do(t, s.socket, "POST", "http://mapper/publish", `{"topic":"a","value":1}`); status != http.StatusAccepted {
		t.Errorf("beside them: got %d %s", status, body)
	}
	s.stop()
	if conn, err := net.Dial("unix", s.path); err == nil {
		_ = conn.Close()
		t.Error("somebody listens when the app has ended")
	}
}

// What was accepted is published before the uplink drains.
func TestAppClosesTheSocketFirst(t *testing.T) {
	t.Parallel()
	u := &uplinked{}
	s := serveApp(t, u)
	u.devices = func() string {
		if _, err := net.Dial("unix", s.path); err != nil {
			return "the socket is closed"
		}
		return "the socket is open"
	}
	s.stop()
	if len(u.after) != 1 || u.after[0] != "the socket is closed" {
		t.Errorf("when the uplink ended, %v", u.after)
	}
}

func TestAppReady(t *testing.T) {
	t.Parallel()
	s := serveApp(t, &uplinked{})
	url := "http://" + s.app.http.Addr().String()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	want := func(path string, status int, text string) {
		t.Helper()
		if got, body := do(t, client, "GET", url+path, ""); got != status || !strings.Contains(body, text) {
			t.Errorf("GET %s: got %d %s, want %d %s", path, got, body, status, text)
		}
	}
	want("/healthz", 200, `{"status":"ok"}`)
	want("/readyz", 503, `"urn:datastub:problem:not-ready"`)
	s.uplink.connected.Store(true)
	want("/readyz", 200, `{"status":"ready"}`)
	s.uplink.connected.Store(false)
	want("/readyz", 200, `{"status":"ready"}`)
	want("/publish", 404, "want GET /healthz, GET /readyz, GET /status, GET /metrics")
}

// A port that is taken refuses the app, with the key, and gives back what was
// taken before.
func TestNewAppRefusesATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := DefaultConfig()
	config.HTTP, config.Devices.Folder = taken.Addr().String(), t.TempDir()
	drivers := Drivers{"script": newScript()}
	options := AppOptions{Config: config, Source: folderOf(t, config, drivers), Drivers: drivers, Uplink: &uplinked{}, Intake: new(Intake), Metrics: prometheus.NewRegistry()}
	want := fmt.Sprintf("http: %s is in use, perhaps by another mapper on this node: set http in config.yaml to another host:port, or to \"\" for none", taken.Addr())
	if _, err := NewApp(options); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	path := filepath.Join(socketDir(t), "publish.sock")
	s, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	options.Config.HTTP, options.Config.DataPlane.Socket, options.Metrics = "127.0.0.1:0", path, prometheus.NewRegistry()
	if _, err := NewApp(options); err == nil || !strings.HasPrefix(err.Error(), "dataplane.socket: socket "+path+" is in use") {
		t.Errorf("a taken socket: got %v", err)
	}
}
