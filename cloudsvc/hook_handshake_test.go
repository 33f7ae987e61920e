package cloudsvc

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"datastub/cloudsvc/webhook"
)

// askedReceiver consents or not, and notes what it is asked for.
type askedReceiver struct {
	*httptest.Server

	mu      sync.Mutex
	asked   []string // methods, and the rates a minute
	allowed string   // WebHook-Allowed-Rate; "": it refuses
	during  func()   // while it is asked
}

func startAskedReceiver(t *testing.T) *askedReceiver {
	t.Helper()
	r := &askedReceiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *askedReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	allowed, during := r.allowed, r.during
	r.asked = append(r.asked, strings.TrimSpace(q.Method+" "+q.Header.Get("WebHook-Request-Rate")))
	r.mu.Unlock()
	if during != nil {
		during()
	}
	if allowed == "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("WebHook-Allowed-Origin", q.Header.Get("WebHook-Request-Origin"))
	w.Header().Set("WebHook-Allowed-Rate", allowed)
}

func (r *askedReceiver) answer(allowed string, during func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed, r.during = allowed, during
}

// take returns what was asked since the last take.
func (r *askedReceiver) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := strings.Join(r.asked, ", ")
	r.asked = nil
	return asked
}

// startAsking starts a service that asks receivers at addresses that are allowed,
// and finds addresses of names by a resolver.
func startAsking(t *testing.T, allowed string, names Resolver) *testService {
	t.Helper()
	rule := NewAddressRule(prefixes(t, allowed), names)
	sender, err := webhook.NewSender(webhook.SenderOptions{Dial: webhook.Guard(rule).DialContext, Agent: "test", Origin: "datastub.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	return startService(t, func(o *APIOptions) {
		store := newMemoryHooks()
		o.Addresses = rule
		o.Hooks, err = NewHooks(t.Context(), HooksOptions{Dispatcher: o.Dispatcher, Store: store, DeadLetters: store, Sender: sender, Handshaker: sender})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestReceiverIsAsked(t *testing.T) {
	t.Parallel()
	receiver := startAskedReceiver(t)
	s := startAsking(t, "127.0.0.0/8", net.DefaultResolver)
	create := fmt.Sprintf(`{"topic":"a","callback":"%s/s3cret?token=s3cret","maxRate":10,"handshake":"cloudevents"}`, receiver.URL)
	refused := s.do(t, http.MethodPost, "/v1/subscriptions", create)
	const want = `"errors":[{"field":"handshake","detail":"handshake with the receiver: it answered OPTIONS with 403: want 200 with WebHook-Allowed-Origin: datastub.test"}]`
	if refused.status != http.StatusBadRequest || !strings.Contains(refused.body, want) || strings.Contains(refused.body, "s3cret") {
		t.Errorf("%d %s, want 400 with %s", refused.status, refused.body, want)
	}
	if got := receiver.take(); got != "OPTIONS 600" {
		t.Errorf("asked %q, want OPTIONS 600", got)
	}
	if all := s.api.options.Hooks.List(); len(all) != 0 {
		t.Errorf("%d subscriptions, though the receiver refused", len(all))
	}
	receiver.answer("120", nil)
	path := "/v1/subscriptions/" + s.makeHook(t, "/v1/subscriptions", create).ID
	receiver.take()

	for _, test := range []struct {
		allowed, body string
		status        int
		asked         string
		maxRate, rate string // as shown then
	}{
		{"", `{"topic":"b"}`, 200, "", "10", "2"},
		{"", `{"maxRate":5}`, 400, "OPTIONS 300", "10", "2"},
		{"60", `{"maxRate":10}`, 200, "OPTIONS 600", "10", "1"},
		{"120", `{"maxRate":1}`, 200, "OPTIONS 60", "1", "1"},
		{"120", `{"maxRate":null}`, 200, "OPTIONS", "0", "2"},
		{"*", fmt.Sprintf(`{"callback":"%s/other"}`, receiver.URL), 200, "OPTIONS", "0", "0"},
		{"120", `{"handshake":"cloudevents"}`, 200, "OPTIONS", "0", "2"},
		{"", `{"maxRate":200000}`, 400, "", "0", "2"},
		{"", `{"handshake":"none"}`, 200, "", "0", "0"},
		{"", `{"maxRate":3}`, 200, "", "3", "3"},
		{"", `{"handshake":"cloudevents"}`, 400, "OPTIONS 180", "3", "3"},
	} {
		receiver.answer(test.allowed, nil)
		if a := s.do(t, http.MethodPatch, path, test.body); a.status != test.status {
			t.Errorf("PATCH %s: %d %s, want %d", test.body, a.status, a.body, test.status)
		}
		if got := receiver.take(); got != test.asked {
			t.Errorf("PATCH %s: asked %q, want %q", test.body, got, test.asked)
		}
		want := fmt.Sprintf(`"maxRate":%s,"rate":%s,`, test.maxRate, test.rate)
		if a := s.do(t, http.MethodGet, path, ""); !strings.Contains(a.body, want) {
			t.Errorf("PATCH %s: %s, want %s", test.body, a.body, want)
		}
	}
}

// TestChangeWhileReceiverIsAsked has nothing wait for a receiver that is asked, nor
// is what it was not asked about stored.
func TestChangeWhileReceiverIsAsked(t *testing.T) {
	t.Parallel()
	receiver := startAskedReceiver(t)
	s := startAsking(t, "127.0.0.0/8", net.DefaultResolver)
	path := "/v1/subscriptions/" + s.makeHook(t, "/v1/subscriptions", fmt.Sprintf(`{"topic":"a","callback":"%s/"}`, receiver.URL)).ID
	receiver.answer("*", func() {
		if a := s.do(t, http.MethodPatch, path, `{"maxRate":7}`); a.status != http.StatusOK {
			t.Errorf("a change meanwhile: %d %s", a.status, a.body)
		}
	})
	a := s.do(t, http.MethodPatch, path, `{"handshake":"cloudevents"}`)
	if a.status != http.StatusConflict || !strings.Contains(a.body, "subscription-changed") {
		t.Errorf("%d %s, want 409", a.status, a.body)
	}
	receiver.answer("*", nil)
	if a := s.do(t, http.MethodPatch, path, `{"handshake":"cloudevents"}`); !strings.Contains(a.body, `"rate":7,"handshake":"cloudevents"`) {
		t.Errorf("again: %d %s, want it done", a.status, a.body)
	}
}

// TestAskingIsGuarded has a name be another address once it is dialled.
func TestAskingIsGuarded(t *testing.T) {
	t.Parallel()
	receiver := startAskedReceiver(t)
	receiver.answer("*", nil)
	s := startAsking(t, "", testResolver{"localhost": {"192.0.2.7"}})
	callback := strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1)
	a := s.do(t, http.MethodPost, "/v1/subscriptions", fmt.Sprintf(`{"topic":"a","callback":"%s/s3cret","handshake":"cloudevents"}`, callback))
	if a.status != http.StatusBadRequest || !strings.Contains(a.body, "loopback") || strings.Contains(a.body, "s3cret") {
		t.Errorf("%d %s, want it refused", a.status, a.body)
	}
	if got := receiver.take(); got != "" {
		t.Errorf("the receiver was asked %q", got)
	}
}

func TestRateInForce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ maxRate, allowed, want float64 }{
		{0, 0, 0}, {5, 0, 5}, {0, 2, 2}, {5, 2, 2}, {2, 5, 2},
	} {
		if got := (&Hook{MaxRate: test.maxRate, AllowedRate: test.allowed}).rate(); got != test.want {
			t.Errorf("maxRate %v, allowed %v: %v, want %v", test.maxRate, test.allowed, got, test.want)
		}
	}
}
