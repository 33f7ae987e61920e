package push

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/hack/stack"
	"datastub/mapper"
)

// A receiver is an HTTP server that notes what it has taken, by path.
type receiver struct {
	mu     sync.Mutex
	answer func(path string) int // 200 where nil
	taken  map[string][]string
	asked  map[string]int
}

func newReceiver(answer func(path string) int) *receiver {
	return &receiver{answer: answer, taken: map[string][]string{}, asked: map[string]int{}}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	path := request.URL.Path
	r.asked[path]++
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(path)
	}
	if err == nil && status == http.StatusOK && request.Method == http.MethodPost && request.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		r.taken[path] = append(r.taken[path], string(body))
	}
	w.WriteHeader(status)
}

// set changes the answers.
func (r *receiver) set(answer func(path string) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// got returns what was taken at a path, each run of equal values once, as what
// was broken off comes twice, and how often it was asked.
func (r *receiver) got(path string) (taken []string, asked int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Compact(slices.Clone(r.taken[path])), r.asked[path]
}

// want waits until all there is at a path are these bodies.
func (r *receiver) want(t *testing.T, path string, want []string) {
	t.Helper()
	eventually(t, path+" has all values", func() bool {
		taken, _ := r.got(path)
		return len(taken) >= len(want)
	})
	if taken, _ := r.got(path); !reflect.DeepEqual(taken, want) {
		t.Errorf("%s: got %q, want %q", path, taken, want)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(nil)
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := newRig(t)
	push := r.run(deviceOf("boiler", posted("a", server.URL+"/a"), posted("b", server.URL+"/b")))
	for n := range 100 {
		push(0, int64(n))
		push(1, int64(n))
	}
	receiver.want(t, "/a", bodies("a", 0, 100))
	receiver.want(t, "/b", bodies("b", 0, 100))
	eventually(t, "all is counted", func() bool { return r.values(methodHTTP, "delivered") == 200 })
}

// Values of an outage arrive after it, in order, whatever kind it is.
func TestHTTPOutage(t *testing.T) {
	t.Parallel()
	t.Run("answers that it is in trouble", func(t *testing.T) {
		t.Parallel()
		receiver := newReceiver(func(string) int { return http.StatusInternalServerError })
		server := httptest.NewServer(receiver)
		defer server.Close()
		r := newRig(t)
		push := r.run(deviceOf("boiler", posted("a", server.URL+"/a")))
		for n := range 20 {
			push(0, int64(n))
		}
		eventually(t, "it was tried again", func() bool { _, asked := receiver.got("/a"); return asked >= 3 })
		receiver.set(nil)
		for n := range 20 {
			push(0, int64(20+n))
		}
		receiver.want(t, "/a", bodies("a", 0, 40))
		eventually(t, "it is told", func() bool { return strings.Contains(r.log.String(), "Push works again") })
		if n := strings.Count(r.log.String(), "Push fails"); n != 1 || !strings.Contains(r.log.String(), "answered 500 Internal Server Error") {
			t.Errorf("the failure was logged %d times, want once with its reason:\n%s", n, r.log.String())
		}
	})
	t.Run("is not there", func(t *testing.T) {
		t.Parallel()
		address := "127.0.0.1:" + stack.FreePort(t)
		r := newRig(t)
		push := r.run(deviceOf("boiler", posted("a", "http://u:s3cret@"+address+"/s3cret")))
		for n := range 50 {
			push(0, int64(n))
		}
		eventually(t, "it was tried", func() bool { return strings.Contains(r.log.String(), "connection refused") })
		receiver := newReceiver(nil)
		server := &http.Server{Handler: receiver}
		t.Cleanup(func() { _ = server.Close() })
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(listener) }()
		receiver.want(t, "/s3cret", bodies("a", 0, 50))
		if strings.Contains(r.log.String(), "s3cret") {
			t.Errorf("the log tells secrets:\n%s", r.log.String())
		}
	})
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		receiver, hung := newReceiver(nil), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			select {
			case <-hung:
				receiver.ServeHTTP(w, request)
			case <-request.Context().Done():
			}
		}))
		defer server.Close()
		r := newRig(t)
		a := posted("a", server.URL+"/a")
		a.Push.HTTP.Timeout = 50 * time.Millisecond
		push := r.run(deviceOf("boiler", a))
		for n := range 20 {
			push(0, int64(n))
		}
		eventually(t, "it was given up", func() bool { return strings.Contains(r.log.String(), "no answer within 50ms") })
		close(hung)
		receiver.want(t, "/a", bodies("a", 0, 20))
	})
}

// One URL that always fails keeps no other of its origin waiting, and is tried
// until the end.
func TestHTTPNeighbours(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(func(path string) int {
		if path == "/stuck" {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := newRig(t)
	push := r.run(deviceOf("boiler", posted("stuck", server.URL+"/stuck"), posted("a", server.URL+"/a")))
	for n := range 200 {
		push(0, int64(n))
		push(1, int64(n))
	}
	receiver.want(t, "/a", bodies("a", 0, 200))
	receiver.set(nil)
	receiver.want(t, "/stuck", bodies("stuck", 0, 200))
}

// What a receiver will never take is lost, which is counted, and told once for
// each property.
func TestHTTPRefused(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(func(path string) int {
		switch path {
		case "/moved":
			return http.StatusTemporaryRedirect
		case "/gone":
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := newRig(t)
	push := r.run(deviceOf("boiler", posted("moved", server.URL+"/moved"), posted("gone", server.URL+"/gone")))
	for n := range 10 {
		push(0, int64(n))
		push(1, int64(n))
	}
	eventually(t, "all are refused", func() bool { return r.values(methodHTTP, "refused") == 20 })
	for property, reason := range map[string]string{"moved": "answered 307 Temporary Redirect", "gone": "answered 404 Not Found"} {
		line := `Push is refused: the value is lost push="` + server.URL + `" device="default/boiler" property="` + property + `" reason="` + reason + `"`
		if n := strings.Count(r.log.String(), line); n != 1 {
			t.Errorf("told %d times, want once: %s\n%s", n, line, r.log.String())
		}
	}
	receiver.set(nil)
	push(1, int64(10))
	receiver.want(t, "/gone", bodies("gone", 10, 11))
}

func TestFateOf(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fate{
		200: delivered, 204: delivered, 301: refused, 400: refused, 401: refused, 404: refused, 413: refused,
		408: kept, 425: kept, 429: kept, 500: kept, 503: kept, 599: kept,
	} {
		if got := fateOf(status); got != want {
			t.Errorf("%d: got %d, want %d", status, got, want)
		}
	}
}

// A device that is gone while nobody takes its values costs nothing any more,
// and neither does the end of the mapper.
func TestOutletsEnd(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(func(string) int { return http.StatusInternalServerError })
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := newRig(t)
	one, other := deviceOf("one", posted("a", server.URL+"/a")), deviceOf("other", posted("a", server.URL+"/b"))
	push := r.run(one)
	r.run(other)
	for n := range 10 {
		push(0, int64(n))
	}
	eventually(t, "it was tried", func() bool { _, asked := receiver.got("/a"); return asked > 0 })
	r.ReportSpec(deviceOf("other", mapper.Property{}))
	r.Removed(one.Key)
	eventually(t, "the rest is dropped", func() bool { return r.values(methodHTTP, "dropped") == 10 })
	if n := r.waiting()[methodHTTP]; n != 0 || len(r.outlets) != 0 || len(r.used) != 0 || r.total.Load() != 0 {
		t.Errorf("%d values wait, for %d outlets of %d devices, %d bytes", n, len(r.outlets), len(r.used), r.total.Load())
	}
	push(0, int64(0)) // a device that ends slowly
	if n := r.values(methodHTTP, "dropped"); n != 11 {
		t.Errorf("%d dropped, want 11", n)
	}
	r.stop()
}

// What waits in the end is sent, if it is taken.
func TestStop(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(nil)
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := newRig(t)
	push := r.run(deviceOf("boiler", posted("a", server.URL+"/a")))
	for n := range 500 {
		push(0, int64(n))
	}
	r.stop()
	if taken, _ := receiver.got("/a"); !reflect.DeepEqual(taken, bodies("a", 0, 500)) {
		t.Errorf("got %d values, want 500", len(taken))
	}
}

// A receiver that hangs holds up the end no longer than drainTime.
func TestStopWhileItHangs(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		select {
		case asked <- struct{}{}:
		default: // it is known
		}
		<-request.Context().Done()
	}))
	defer server.Close()
	r := newRig(t)
	push := r.run(deviceOf("boiler", posted("a", server.URL+"/a")))
	for n := range 10 {
		push(0, int64(n))
	}
	<-asked
	r.stop()
	if n := r.values(methodHTTP, "dropped"); n != 10 {
		t.Errorf("%d dropped, want all 10", n)
	}
	if !strings.Contains(r.log.String(), `Push ends with values that were not sent push="`+server.URL+`" dropped=10`) {
		t.Errorf("what is lost is not told:\n%s", r.log.String())
	}
}
