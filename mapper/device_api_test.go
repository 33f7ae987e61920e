package mapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"github.com/kubeedge/mapper-framework/pkg/common"
	"github.com/kubeedge/mapper-framework/pkg/httpserver"
	"k8s.io/klog/v2"

	"datastub/driver"
)

// A plant is the devices of a test: one, and what was written to it.
type plant struct {
	spec    Spec
	newest  map[string]Newest
	write   error // what each write ends with
	writes  []string
	bounded bool // the last write had a deadline
}

func (p *plant) Spec(key Key) (Spec, bool) { return p.spec, key == p.spec.Key }

func (p *plant) Newest(key Key, property string) (Newest, error) {
	n, ok := p.newest[property]
	switch {
	case key != p.spec.Key:
		return Newest{}, fmt.Errorf("%w: %s", ErrNoDevice, key)
	case !ok:
		return Newest{}, fmt.Errorf("%w: %s", ErrNoProperty, property)
	}
	return n, nil
}

func (p *plant) Write(ctx context.Context, _ Key, property, text string) error {
	_, p.bounded = ctx.Deadline()
	p.writes = append(p.writes, property+"="+text)
	return p.write
}

// readAt is when a plant's values were read.
var readAt = time.Date(2026, 8, 1, 12, 0, 0, 250e6, time.UTC)

// newPlant returns a boiler with a value of each kind.
func newPlant() *plant {
	spec := Spec{
		Key: Key{"default", "boiler-1"}, Model: "boiler",
		Methods: []Method{
			{Name: "UpdateTemperature", Properties: []string{"temperature", "faulty"}},
			{Name: "Switch", Properties: []string{"switch"}},
		},
		Declared: []v1beta1.ModelProperty{
			{Name: "temperature", Description: "of the water", Type: v1beta1.FLOAT, AccessMode: v1beta1.ReadWrite, Minimum: "0", Maximum: "95.5", Unit: "°C", Visitors: &v1beta1.VisitorConfig{}},
			{Name: "spare", Type: v1beta1.STRING, AccessMode: v1beta1.ReadOnly},
		},
	}
	for name, kind := range map[string]driver.Type{"temperature": driver.Float, "switch": driver.Boolean} {
		spec.Properties = append(spec.Properties, Property{Point: driver.PointConfig{Name: name, Type: kind}})
	}
	value := func(kind driver.Type, v any, suspect string) Newest {
		return Newest{Type: kind, Reading: driver.Reading{Value: v, Time: readAt, Suspect: suspect}}
	}
	lost := value(driver.Int, int64(7), "")
	lost.Err = errors.New("read holding register 4: exception 2")
	return &plant{spec: spec, newest: map[string]Newest{
		"temperature": value(driver.Float, float32(20.1), ""),
		"hot":         value(driver.Double, 1e21, "above max 100"),
		"switch":      value(driver.Boolean, true, ""),
		"raw":         value(driver.Bytes, []byte{0xfb, 0xff, 1}, ""),
		"note":        value(driver.String, `a "note" & ü`, ""),
		"lost":        lost,
		"new":         {Type: driver.Int, Err: errUnread},
	}}
}

// serveDevices serves a plant's device API as an App does, and returns where.
func serveDevices(t *testing.T, p *plant, config DeviceAPI) (url string) {
	t.Helper()
	s := httptest.NewServer(deviceRoutes(p, config))
	t.Cleanup(s.Close)
	return s.URL
}

func deviceRoutes(p *plant, config DeviceAPI) *api {
	d := newDeviceAPI(p, config, klog.Logger{})
	d.now = func() time.Time { return readAt.Add(time.Second) }
	return newAPI(klog.Logger{}, d.operations()...)
}

// TestDeviceAPIAnswers reads the answers with mapper-framework's own types.
func TestDeviceAPIAnswers(t *testing.T) {
	t.Parallel()
	base := &httpserver.BaseResponse{APIVersion: "v1", StatusCode: 200, TimeStamp: "2026-08-01T12:00:01Z"}
	value := func(property, kind, value string) *httpserver.DeviceReadResponse {
		return &httpserver.DeviceReadResponse{BaseResponse: base, Data: &common.DataModel{
			DeviceName: "boiler-1", PropertyName: property, Namespace: "default", Value: value, Type: kind, TimeStamp: readAt.UnixMilli(),
		}}
	}
	const device = "/default/boiler-1"
	tests := map[string]struct {
		method, path string
		want         any // a pointer
	}{
		"ping":             {"GET", "/api/v1/ping", &httpserver.PingResponse{BaseResponse: base, Message: "This is v1 API, the server is running normally."}},
		"a number":         {"GET", "/api/v1/device" + device + "/temperature", value("temperature", "FLOAT", "20.1")},
		"one without an e": {"GET", "/api/v1/device" + device + "/hot", value("hot", "DOUBLE", "1000000000000000000000")},
		"a switch":         {"GET", "/api/v1/device" + device + "/switch", value("switch", "BOOLEAN", "true")},
		"bytes":            {"GET", "/api/v1/device" + device + "/raw", value("raw", "BYTES", "-_8B")},
		"a text":           {"GET", "/api/v1/device" + device + "/note", value("note", "STRING", `a "note" & ü`)},
		"what may be written": {"GET", "/api/v1/devicemethod" + device, &httpserver.DeviceMethodReadResponse{BaseResponse: base, Data: &common.DataMethod{Methods: []common.Method{
			{Name: "UpdateTemperature", Path: "/api/v1/devicemethod" + device + "/UpdateTemperature/{propertyName}/{data}", Parameters: []common.Parameter{{PropertyName: "temperature", ValueType: "FLOAT"}}},
			{Name: "Switch", Path: "/api/v1/devicemethod" + device + "/Switch/{propertyName}/{data}", Parameters: []common.Parameter{{PropertyName: "switch", ValueType: "BOOLEAN"}}},
		}}}},
		"the model": {"GET", "/api/v1/meta/model" + device, &httpserver.MetaGetModelResponse{BaseResponse: base, DeviceModel: &common.DeviceModel{
			ID: "default/boiler", Name: "boiler", Namespace: "default", Properties: []common.ModelProperty{
				{Name: "temperature", Description: "of the water", DataType: "FLOAT", AccessMode: "ReadWrite", Minimum: "0", Maximum: "95.5", Unit: "°C"},
				{Name: "spare", DataType: "STRING", AccessMode: "ReadOnly"},
			}}}},
		"a write": {"POST", "/api/v1/devicemethod" + device + "/UpdateTemperature/temperature/21.5", &httpserver.DeviceWriteResponse{BaseResponse: base, Message: "Write data 21.5 to device default/boiler-1 successfully."}},
		"by PUT":  {"PUT", "/api/v1/devicemethod" + device + "/Switch/switch/0", &httpserver.DeviceWriteResponse{BaseResponse: base, Message: "Write data 0 to device default/boiler-1 successfully."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := do(t, http.DefaultClient, tt.method, serveDevices(t, newPlant(), DeviceAPI{})+tt.path, "")
			got := reflect.New(reflect.TypeOf(tt.want).Elem()).Interface()
			if err := json.Unmarshal([]byte(body), got); err != nil || status != http.StatusOK {
				t.Fatalf("got %d %s: %v", status, body, err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %s, which is %+v\nwant %+v", body, got, tt.want)
			}
			plain, err := json.Marshal(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if body != string(plain) && name != "one without an e" { // which has its quality, too
				t.Errorf("got  %s\nwant %s", body, plain)
			}
		})
	}
}

// TestDeviceAPITellsQuality: mapper-framework has no key for what is wrong
// with a value.
func TestDeviceAPITellsQuality(t *testing.T) {
	t.Parallel()
	_, body := do(t, http.DefaultClient, "GET", serveDevices(t, newPlant(), DeviceAPI{})+"/api/v1/device/default/boiler-1/hot", "")
	if !strings.Contains(body, `"Quality":"above max 100"`) {
		t.Errorf("got %s", body)
	}
}

func TestDeviceAPIGivesBackTheCorrelation(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/ping", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Correlation-ID", "abc")
	w := httptest.NewRecorder()
	deviceRoutes(newPlant(), DeviceAPI{}).ServeHTTP(w, r)
	if got := w.Header().Get("X-Correlation-ID"); w.Code != 200 || got != "abc" {
		t.Errorf("got %d, %q", w.Code, got)
	}
}

func TestDeviceAPIRefuses(t *testing.T) {
	t.Parallel()
	const write = "/api/v1/devicemethod/default/boiler-1"
	unknown := newPlant()
	unknown.spec.Declared = nil
	tests := map[string]struct {
		method, path string
		status       int
		want         string // in the body
		plant        *plant
	}{
		"no device":             {"GET", "/api/v1/device/default/boiler-2/temperature", 404, `no-such-device","title":"No such device","status":404,"detail":"no such device: default/boiler-2","instance":"/api/v1/device/default/boiler-2/temperature"`, nil},
		"another namespace":     {"GET", "/api/v1/device/x/boiler-1/temperature", 404, "no-such-device", nil},
		"no property":           {"GET", "/api/v1/device/default/boiler-1/pressure", 404, "no-such-property", nil},
		"a value that is gone":  {"GET", "/api/v1/device/default/boiler-1/lost", 503, `"detail":"the property has no value: read holding register 4: exception 2; the last was 7, read at 2026-08-01T12:00:00.25Z"`, nil},
		"no value yet":          {"GET", "/api/v1/device/default/boiler-1/new", 503, "the property has no value: it has not been read yet", nil},
		"methods of no device":  {"GET", "/api/v1/devicemethod/default/boiler-2", 404, "no-such-device", nil},
		"the model of none":     {"GET", "/api/v1/meta/model/default/boiler-2", 404, "no-such-device", nil},
		"a model that is away":  {"GET", "/api/v1/meta/model/default/boiler-1", 404, "the device's model has not arrived: boiler", unknown},
		"a database":            {"GET", "/api/v1/database/default/boiler-1", 501, "a webhook of cloudsvc (POST /subscribe", nil},
		"a read by POST":        {"POST", "/api/v1/device/default/boiler-1/temperature", 405, "method-not-allowed", nil},
		"a write by GET":        {"GET", write + "/Switch/switch/1", 405, "the Allow header lists those it takes: a GET writes with deviceAPI.getWrites: true in config.yaml only", nil},
		"a write by DELETE":     {"DELETE", write + "/Switch/switch/1", 405, "method-not-allowed", nil},
		"a write to no device":  {"POST", "/api/v1/devicemethod/default/boiler-2/Switch/switch/1", 404, "no-such-device", nil},
		"no method":             {"POST", write + "/Open/switch/1", 404, `"detail":"no such method: Open: the device has UpdateTemperature, Switch"`, nil},
		"a method of another":   {"POST", write + "/Switch/temperature/1", 404, `"detail":"no such method that writes temperature: Switch writes switch"`, nil},
		"no value to write":     {"POST", write + "/Switch/switch/", 404, "no-such-path", nil},
		"nothing there":         {"GET", "/api/v1/devices", 404, "want GET /api/v1/ping, GET /api/v1/device/{namespace}/{name}/{property}, ", nil},
		"what is not a percent": {"GET", "/api/v1/device/default/boiler-1/%2", 400, "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tt.plant
			if p == nil {
				p = newPlant()
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, "http://localhost/", nil)
			r.RemoteAddr = "127.0.0.1:1"
			u, err := url.Parse(tt.path)
			if err != nil {
				return // net/http answers
			}
			r.URL = u
			deviceRoutes(p, DeviceAPI{}).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s\nwant %d with %s", w.Code, w.Body, tt.status, tt.want)
			}
			if len(p.writes) > 0 {
				t.Errorf("wrote %v", p.writes)
			}
		})
	}
}

func TestDeviceAPIWrites(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/devicemethod/default/boiler-1/UpdateTemperature/temperature/"
	tests := map[string]struct {
		method, data, body string
		err                error
		status             int
		want               string // in the body
		written            string
	}{
		"as it is":       {"POST", "21.5", "", nil, 200, "successfully", "temperature=21.5"},
		"percents":       {"PUT", "a%2Fb%20100%25+%C3%BC", "", nil, 200, "Write data a/b 100%+ü to device", "temperature=a/b 100%+ü"},
		"dots":           {"PUT", "%2e%2e", "", nil, 200, "", "temperature=.."},
		"with a body":    {"POST", "1", `{"value":1}`, nil, 400, "body is not empty: want the value at the end of the path", ""},
		"no number":      {"POST", "x", "", fmt.Errorf("write: %w", &driver.SettingError{Key: "value", Value: "x", Want: "a finite number"}), 400, `"errors":[{"field":"temperature","detail":"value: x is not a finite number"}]`, ""},
		"too large":      {"POST", "1", "", fmt.Errorf("write: %w: 1 register", driver.ErrValue), 400, "value does not fit the point: 1 register", ""},
		"read-only":      {"POST", "1", "", fmt.Errorf("write: %w", driver.ErrReadOnly), 403, "problem:read-only", ""},
		"its settings":   {"POST", "1", "", fmt.Errorf("write: %w", ErrNoProperty), 404, "no-such-property", ""},
		"gone meanwhile": {"POST", "1", "", ErrNoDevice, 404, "no-such-device", ""},
		"not held":       {"POST", "1", "", fmt.Errorf("%w: 2", ErrNotHeld), 409, "device holds another value than was written: 2", ""},
		"too many":       {"POST", "1", "", ErrBusy, 503, "problem:busy", ""},
		"offline":        {"POST", "1", "", fmt.Errorf("dial: %w", driver.ErrUnreachable), 503, "device-unreachable", ""},
		"it hangs":       {"POST", "1", "", context.DeadlineExceeded, 504, "has not confirmed the value within 9s: it may hold it or not", ""},
		"it refuses":     {"POST", "1", "", errors.New("exception 4"), 502, "the device refused the value: exception 4", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlant()
			p.write = tt.err
			status, body := do(t, http.DefaultClient, tt.method, serveDevices(t, p, DeviceAPI{})+path+tt.data, tt.body)
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("got %d %s\nwant %d with %s", status, body, tt.status, tt.want)
			}
			if tt.written != "" && (!reflect.DeepEqual(p.writes, []string{tt.written}) || !p.bounded) {
				t.Errorf("wrote %q, bounded %t; want %q", p.writes, p.bounded, tt.written)
			}
		})
	}
}

// TestDeviceAPIWritesByGet: where the config says so, and never by HEAD.
func TestDeviceAPIWritesByGet(t *testing.T) {
	t.Parallel()
	p := newPlant()
	url := serveDevices(t, p, DeviceAPI{GetWrites: true}) + "/api/v1/devicemethod/default/boiler-1/Switch/switch/1"
	if status, _ := do(t, http.DefaultClient, "HEAD", url, ""); status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: got %d", status)
	}
	if status, body := do(t, http.DefaultClient, "GET", url, ""); status != http.StatusOK {
		t.Errorf("GET: got %d %s", status, body)
	}
	if want := []string{"switch=1"}; !reflect.DeepEqual(p.writes, want) {
		t.Errorf("wrote %v, want %v", p.writes, want)
	}
}

func TestDeviceAPIAccess(t *testing.T) {
	t.Parallel()
	const ping, write = "/api/v1/ping", "/api/v1/devicemethod/default/boiler-1/Switch/switch/1"
	here, there := "127.0.0.1:50000", "192.0.2.7:50000"
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := map[string]struct {
		method, path, client, host string
		header                     http.Header
		config                     DeviceAPI
		status                     int
		want                       string // in the body
	}{
		"from here":                {"GET", ping, here, "127.0.0.1:7777", nil, DeviceAPI{}, 200, ""},
		"by its name":              {"GET", ping, here, "localhost:7777", nil, DeviceAPI{}, 200, ""},
		"by version 6":             {"GET", ping, "[::1]:50000", "[::1]:7777", nil, DeviceAPI{}, 200, ""},
		"by version 6, no port":    {"GET", ping, "[::1]:50000", "[::1]", nil, DeviceAPI{}, 200, ""},
		"by version 4 in 6":        {"GET", ping, "[::ffff:127.0.0.1]:50000", "localhost", nil, DeviceAPI{}, 200, ""},
		"from there":               {"GET", ping, there, "127.0.0.1:7777", nil, DeviceAPI{}, 403, `not-this-machine","title":"Not from this machine","status":403,"detail":"devices are read and written from this machine only; deviceAPI.remote: true in config.yaml opens them to others"`},
		"a write from there":       {"POST", write, there, "edge-1:7777", nil, DeviceAPI{}, 403, "not-this-machine"},
		"from there, says a proxy": {"GET", ping, there, "localhost", header("X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1"), DeviceAPI{}, 403, "not-this-machine"},
		"from there, and open":     {"POST", write, there, "edge-1:7777", nil, DeviceAPI{Remote: true}, 200, ""},
		"under a name":             {"GET", ping, here, "evil.example:7777", nil, DeviceAPI{}, 403, `the request is for \"evil.example:7777\", want localhost or 127.0.0.1`},
		"under another address":    {"GET", ping, here, "192.0.2.1:7777", nil, DeviceAPI{}, 403, "not-this-machine"},
		"under none":               {"GET", ping, here, "", nil, DeviceAPI{}, 403, "not-this-machine"},
		"from no address":          {"GET", ping, "@", "localhost", nil, DeviceAPI{}, 403, "not-this-machine"},
		"a page of another site":   {"POST", write, here, "localhost:7777", header("Sec-Fetch-Site", "cross-site"), DeviceAPI{}, 403, `cross-site","title":"From another site"`},
		"a page of a neighbour":    {"POST", write, there, "a.example", header("Sec-Fetch-Site", "same-site"), DeviceAPI{Remote: true}, 403, "cross-site"},
		"an older browser":         {"POST", write, here, "localhost:7777", header("Origin", "https://evil.example"), DeviceAPI{}, 403, "cross-site"},
		"an image of another site": {"GET", write, here, "localhost:7777", header("Sec-Fetch-Site", "cross-site"), DeviceAPI{GetWrites: true}, 403, "cross-site"},
		"a page that is typed in":  {"GET", ping, here, "localhost:7777", header("Sec-Fetch-Site", "none"), DeviceAPI{}, 200, ""},
		"a page of its own":        {"POST", write, here, "localhost:7777", header("Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:7777"), DeviceAPI{}, 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newPlant(), httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, "http://localhost"+tt.path, nil)
			r.RemoteAddr, r.Host = tt.client, tt.host
			if tt.header != nil {
				r.Header = tt.header
			}
			deviceRoutes(p, tt.config).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s\nwant %d with %s", w.Code, w.Body, tt.status, tt.want)
			}
			if tt.status != 200 && len(p.writes) > 0 {
				t.Errorf("wrote %v", p.writes)
			}
		})
	}
}

// FuzzDeviceAPI: whatever a path holds, the answer is JSON, and what is written
// is what the path says.
func FuzzDeviceAPI(f *testing.F) {
	for _, seed := range []string{"device/default/boiler-1/temperature", "devicemethod/default/boiler-1/Switch/switch/%00", "meta/model/default/boiler-1", "devicemethod/a/b/c/d/%ff", "//", "devicemethod/default/boiler-1/Switch/switch/.."} {
		f.Add("POST", seed)
		f.Add("GET", seed)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI("/api/v1/" + path)
		if err != nil {
			return // net/http answers
		}
		p, w := newPlant(), httptest.NewRecorder()
		deviceRoutes(p, DeviceAPI{}).ServeHTTP(w, &http.Request{Method: method, URL: u, Host: "localhost", RemoteAddr: "127.0.0.1:1", Header: http.Header{}, Body: http.NoBody})
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: got %d %q", method, path, w.Code, w.Body)
		}
		if len(p.writes) > 0 && (method != "POST" && method != "PUT" || w.Code != http.StatusOK) {
			t.Errorf("%s %q: wrote %q and answered %d", method, path, p.writes, w.Code)
		}
	})
}

// TestDeviceAPIHang writes to a device whose driver does not come back: the
// client is told in time that nobody knows, and the device's values go on.
func TestDeviceAPIHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() {
			r.script.release()
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		}()
		spec := scriptSpec("d", driver.Settings{"hang": "write"})
		spec.Methods = []Method{{Name: "Set", Properties: []string{"a"}}}
		r.fleet.Put(spec)
		pass(time.Second)
		routes := newAPI(klog.Logger{}, newDeviceAPI(r.fleet, DeviceAPI{}, klog.Logger{}).operations()...)
		ask := func(method, path string) (status int, body string) {
			request := httptest.NewRequest(method, "http://localhost"+path, nil)
			request.RemoteAddr = "127.0.0.1:1"
			w := httptest.NewRecorder()
			routes.ServeHTTP(w, request)
			return w.Code, w.Body.String()
		}
		begun := time.Now()
		status, body := ask("POST", "/api/v1/devicemethod/default/d/Set/a/2")
		if status != http.StatusGatewayTimeout || !strings.Contains(body, errSlowDevice.Error()) {
			t.Errorf("the write: got %d %s, want 504 and %q", status, body, errSlowDevice)
		}
		if took := time.Since(begun); took != writeWait {
			t.Errorf("the write took %v, want %v", took, writeWait)
		}
		if status, body := ask("GET", "/api/v1/device/default/d/a"); status != http.StatusOK || !strings.Contains(body, `"Value":"1.5"`) {
			t.Errorf("a read while the write hangs: got %d %s", status, body)
		}
	})
}
