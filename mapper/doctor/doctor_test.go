package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"datastub/mapper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// answers and silent are probes of EdgeCore.
func answers(context.Context, string) error { return nil }
func silent(context.Context, string) error  { return errors.New("nobody answers") }

func newDoctor(t *testing.T, config string, probe func(context.Context, string) error) *Doctor {
	t.Helper()
	d, err := New(Options{Config: config, Probe: probe, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.client.CloseIdleConnections)
	return d
}

// want fails unless there is a finding of the verdict for each of the texts, in
// order, which has it.
func want(t *testing.T, found []Finding, verdicts []Verdict, texts ...string) {
	t.Helper()
	if len(found) != len(verdicts) {
		t.Fatalf("got %d findings: %v; want %d", len(found), found, len(verdicts))
	}
	for i, f := range found {
		if f.Verdict != verdicts[i] || !strings.Contains(f.String(), texts[i]) || (f.Cure == "") != (f.Verdict == OK) || strings.Contains(f.String(), "\n") {
			t.Errorf("got %v, want %s with %q", f, verdicts[i], texts[i])
		}
	}
}

func one(v Verdict) []Verdict { return []Verdict{v} }

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Config: "c"}, {Config: "c", Probe: answers}} {
		if _, err := New(o); err == nil {
			t.Errorf("took %+v", o)
		}
	}
}

func TestEdgeCore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "dmi.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path    string
		probe   func(context.Context, string) error
		verdict Verdict
		text    string
	}{
		{path, answers, OK, "dmi.sock answers"},
		{path, silent, Fail, "nobody answers → is edgecore running?"},
		{file, answers, Fail, "is no socket (-rw-------) → set common.edgecore_sock"},
		{filepath.Join(dir, "none"), answers, Fail, "is not there → is edgecore running, with modules.deviceTwin on? is " + dir + " mounted whole into the pod"},
		{filepath.Join(file, "x"), answers, Fail, "not a directory"},
	} {
		want(t, []Finding{newDoctor(t, "c", tt.probe).edgeCore(t.Context(), tt.path)}, one(tt.verdict), tt.text)
	}
}

func TestSocketFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := []mount{{"/", "ext4"}}
	container := []mount{{"/", "overlay"}, {"/etc/kubeedge", "ext4"}}
	for _, tt := range []struct {
		path    string
		mounts  []mount
		verdict Verdict
		text    string
	}{
		{filepath.Join(dir, "m.sock"), host, OK, "the mapper may make"},
		{filepath.Join(dir, "m.sock"), nil, OK, "the mapper may make"},
		{filepath.Join(dir, "m.sock"), container, Warn, "EdgeCore does not see it → mount the host's " + dir},
		{filepath.Join(dir, "m.sock"), append(container, mount{dir, "ext4"}), OK, "the mapper may make"},
		{file, host, Fail, file + " cannot be made: what is there is no socket (-rw-------) → take it away"},
		{filepath.Join(dir, "none", "m.sock"), host, OK, "the mapper may make"},
		{filepath.Join(file, "m.sock"), host, Fail, "write to " + file + ": permission denied → make it a folder"},
	} {
		want(t, []Finding{socketFolder(tt.path, tt.mounts)}, one(tt.verdict), tt.text)
	}
}

func TestParseMount(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]mount{
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue": {"/mnt2", "ext3"},
		"36 35 98:0 / / rw - overlay overlay rw":                                         {"/", "overlay"},
		"36 35 98:0 / / rw":                                                              {}, "": {}, "a - ": {}, "a b c d e - ": {},
	} {
		if got, ok := parseMount(line); got != want || ok != (want != mount{}) {
			t.Errorf("%q: got %v, %v", line, got, ok)
		}
	}
	if len(readMounts()) == 0 {
		t.Error("nothing is mounted here")
	}
}

// serve answers every request with a status and an object, and returns its
// host:port.
func serve(t *testing.T, status int, object any) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(object)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestRunning(t *testing.T) {
	t.Parallel()
	config := mapper.DefaultConfig()
	config.Node = "edge-1"
	right := mapper.Overview{Node: "edge-1", Mapper: "mapper", Version: "v1", Source: "folder"}
	other, elsewhere := right, right
	other.Mapper, elsewhere.Source = "other", "kubeedge"
	for _, tt := range []struct {
		http    string
		verdict Verdict
		text    string
		known   bool
	}{
		{"", Warn, "http is off → set http", false},
		{"127.0.0.1:1", Fail, "connection refused → start it", false},
		{serve(t, 200, right), OK, "edge-1/mapper v1 runs", true},
		{serve(t, 404, right), Fail, "answered 404 Not Found → start it", false},
		{serve(t, 200, "text"), Fail, "cannot unmarshal string", false},
		{serve(t, 200, other), Fail, "is mapper edge-1/other, and the config is of edge-1/mapper → give", false},
		{serve(t, 200, elsewhere), Warn, "it runs with devices from kubeedge, and the config says folder → restart the mapper", true},
	} {
		config.HTTP = tt.http
		overview, f := newDoctor(t, "c", answers).running(t.Context(), &config)
		want(t, []Finding{f}, one(tt.verdict), tt.text)
		if (overview != nil) != tt.known {
			t.Errorf("%s: got %v", tt.text, overview)
		}
	}
	for address, want := range map[string]string{"0.0.0.0:7": "127.0.0.1:7", "[::]:7": "127.0.0.1:7", "10.0.0.1:7": "10.0.0.1:7", "node:7": "node:7"} {
		if got := dialled(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestRegistrations(t *testing.T) {
	t.Parallel()
	overview := &mapper.Overview{EdgeCore: []mapper.EdgeStatus{
		{Protocol: "a", Since: noon.Add(-time.Hour), Last: noon.Add(-20 * time.Second), Error: "old"},
		{Protocol: "b", Error: "no such file", ErrorTime: noon.Add(-3 * time.Second)},
		{Protocol: "c", Since: noon, Missing: []string{"default/x", "default/y"}},
	}}
	want(t, registrations(overview, []string{"a", "b", "c", "d"}, noon), []Verdict{OK, Fail, Warn, Fail},
		"a: taken in 1h0m0s ago, last answered 20s ago", "b: not taken in, last asked 3s ago: no such file → see edgecore",
		"c: EdgeCore does not list 2 devices that run here: default/x, default/y → were they deleted?", "d: the mapper has not registered yet → wait")
}

func TestDevices(t *testing.T) {
	t.Parallel()
	age := func(s float64) *float64 { return &s }
	device := func(name string, state mapper.State, since time.Duration, twin *float64) mapper.DeviceOverview {
		return mapper.DeviceOverview{
			Namespace: "default", Name: name, State: state, Reason: "reason of " + name, Since: noon.Add(-since), ConfigSeen: noon.Add(-time.Minute), TwinAge: twin,
		}
	}
	good := device("good", mapper.Online, time.Hour, age(12.4))
	late := device("late", mapper.Online, time.Hour, age(121))
	missed := device("missed", mapper.Online, time.Hour, nil)
	missed.ConfigSeen = noon.Add(-time.Hour)
	off, bad := device("off", mapper.Offline, time.Minute, nil), device("bad", mapper.Unhealthy, time.Hour, nil)
	fresh := device("fresh", "unknown", 0, nil)
	for name, tt := range map[string]struct {
		source   string
		devices  []mapper.DeviceOverview
		verdicts []Verdict
		texts    []string
	}{
		"none":             {"folder", nil, one(Warn), []string{"there are none → put Device"}},
		"none of EdgeCore": {"kubeedge", nil, one(Warn), []string{"there are none → kubectl get devices -A -o yaml: is there one with spec.nodeName edge-1 and a spec.protocol.protocolName that is, to the letter, modbus or virtual?"}},
		"folder": {"folder", []mapper.DeviceOverview{good, off, bad, fresh}, []Verdict{Warn, Warn, Warn}, []string{
			"1 online, 1 offline, 1 unhealthy, 1 not read yet: default/bad, default/off → see the lines below; GET /status", "default/bad is unhealthy for 1h0m0s: reason of bad → mend", "default/off is offline for 1m0s: reason of off → is it switched on?"}},
		"well": {"kubeedge", []mapper.DeviceOverview{good}, []Verdict{OK, OK, OK}, []string{
			"1 online, 0 offline, 0 unhealthy", "last seen 1m0s ago, of default/good", "12s, of default/good, the oldest; 0 devices have none"}},
		"old": {"kubeedge", []mapper.DeviceOverview{good, late, missed}, []Verdict{OK, Warn, Warn}, []string{
			"3 online", "last seen 1h0m0s ago, of default/missed, the oldest → has KubeEdge missed a change? restart edgecore; the mapper may run on",
			"2m1s, of default/late, the oldest; 1 devices have none → is the device offline?"}},
		"no twins": {"kubeedge", []mapper.DeviceOverview{fresh}, []Verdict{OK, OK, Warn}, []string{"1 not read yet", "last seen 1m0s ago", "EdgeCore has taken no twins → "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, devices(&mapper.Overview{Node: "edge-1", Source: tt.source, Devices: tt.devices}, []string{"modbus", "virtual"}, noon), tt.verdicts, tt.texts...)
		})
	}
	var many []mapper.DeviceOverview
	for i := range 15 {
		many = append(many, device(fmt.Sprint(i), mapper.Offline, time.Duration(i)*time.Second, nil))
	}
	found := devices(&mapper.Overview{Source: "folder", Devices: many}, nil, noon)
	if len(found) != 12 || !strings.Contains(found[0].Text, ": default/14, default/13, default/12, …") || !strings.Contains(found[1].Text, "default/14 ") || !strings.HasPrefix(found[11].Text, "and 5 more") {
		t.Errorf("got %v", found)
	}
}

func TestUplink(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	d := newDoctor(t, "c", answers)
	for address, v := range map[string]Verdict{"tcp://" + listener.Addr().String(): OK, "tcp://127.0.0.1:1": Fail, "ipc:///run/x": Warn} {
		want(t, []Finding{d.uplink(t.Context(), address)}, one(v), address)
	}
	overview := &mapper.Overview{Uplink: mapper.UplinkOverview{Address: "tcp://cloud:5557"}}
	want(t, []Finding{session(overview, OK), session(overview, Fail)}, []Verdict{Fail, Fail},
		"no session at tcp://cloud:5557 → is it cloudsvc that listens there?", "no session at tcp://cloud:5557 → see uplink above")
	overview.Uplink.Connected = true
	want(t, []Finding{session(overview, OK)}, one(OK), "is connected to tcp://cloud:5557")
}

func TestCloud(t *testing.T) {
	t.Parallel()
	d := newDoctor(t, "c", answers)
	want(t, d.cloud(t.Context(), "http://"+serve(t, 200, nil)+"/"), []Verdict{OK, OK}, "/readyz is ready", "it agrees")
	want(t, d.cloud(t.Context(), "http://"+serve(t, 503, nil)), []Verdict{Fail, OK}, "answered 503 Service Unavailable → ", "it agrees")
	want(t, d.cloud(t.Context(), "http://127.0.0.1:1"), one(Warn), "connection refused → ")
	want(t, d.cloud(t.Context(), "http://a b"), one(Fail), "invalid character")
}

func TestSkew(t *testing.T) {
	t.Parallel()
	date := noon.Format(http.TimeFormat)
	for _, tt := range []struct {
		date           string
		sent, answered time.Duration // after noon
		verdict        Verdict
		text           string
	}{
		{date, 0, 0, OK, "agrees"},
		{date, 2900 * time.Millisecond, 3 * time.Second, OK, "agrees"},
		{date, 3100 * time.Millisecond, 4 * time.Second, Warn, "it is 2.1s ahead of cloudsvc's"},
		{date, -9 * time.Second, -1900 * time.Millisecond, OK, "agrees"},
		{date, -9 * time.Second, -2100 * time.Millisecond, Warn, "it is 2.1s behind cloudsvc's"},
		{date, -time.Hour, time.Hour, OK, "agrees"}, // an answer that took so long tells nothing
		{"", 0, 0, Warn, `Date ""`},
	} {
		want(t, []Finding{skew(tt.date, noon.Add(tt.sent), noon.Add(tt.answered))}, one(tt.verdict), tt.text)
	}
}

func TestSpool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "segment"), make([]byte, 20<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spool   mapper.Spool
		verdict Verdict
		text    string
	}{
		{mapper.Spool{}, Warn, "in memory only"},
		{mapper.Spool{Dir: dir, MaxBytes: 1 << 10}, OK, dir + " has 20Ki, and the disk "},
		{mapper.Spool{Dir: filepath.Join(dir, "a", "b"), MaxBytes: 1 << 10}, OK, "/a/b has 0, and the disk "},
		{mapper.Spool{Dir: dir, MaxBytes: 1 << 62}, Warn, "; it may grow to 4Ei → make room"},
		{mapper.Spool{Dir: "/proc/1/x"}, Fail, ": write to /proc/1"},
	} {
		if os.Getuid() == 0 && tt.verdict == Fail {
			continue // root may write anywhere
		}
		want(t, []Finding{spool(&tt.spool)}, one(tt.verdict), tt.text)
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	want(t, newDoctor(t, "/nowhere/config.yaml", answers).Examine(t.Context()), one(Fail), "open /nowhere/config.yaml: no such file or directory → mend it there")
	cloud := serve(t, 200, nil)
	status := serve(t, 200, mapper.Overview{Node: "n", Mapper: "mapper", Source: "folder", Uplink: mapper.UplinkOverview{Connected: true}})
	config := write("node: n\nhttp: " + status + "\ndevices: {folder: " + t.TempDir() + "}\ndataplane: {registry: 'http://" + cloud + "', uplink: 'tcp://" + cloud + "'}\n")
	want(t, newDoctor(t, config, answers).Examine(t.Context()), []Verdict{OK, OK, Warn, OK, OK, OK, OK, Warn},
		"devices: 0, properties: 0", "runs", "there are none", "takes connections", "is connected", "is ready", "clock", "in memory only")
	many := write("node: n\nx: 1\na: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nj: 1\nk: 1\n")
	if found := newDoctor(t, many, answers).Examine(t.Context()); len(found) != maxFindings+1 || !strings.Contains(found[maxFindings].String(), "and 2 more → mapper --check") {
		t.Errorf("got %v", found)
	}
}
