package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anywhere allows every address.
type anywhere struct{}

func (anywhere) Allow(netip.Addr) error { return nil }

// nowhere allows none.
type nowhere struct{}

func (nowhere) Allow(a netip.Addr) error { return fmt.Errorf("address %v is loopback", a) }

func TestSend(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   Verdict
		status int
		head   string
	}{
		{"200", status(200, "thanks"), Done, 200, "thanks"},
		{"200 and half a body", halfBody, Done, 200, "half"},
		{"500", status(500, "oh no"), Retry, 500, "oh no"},
		{"long answer", status(500, strings.Repeat("x", 1<<20)), Retry, 500, strings.Repeat("x", maxHead)},
		{"400", status(400, ""), Refused, 400, ""},
		{"410", status(410, ""), Gone, 410, ""},
		{"307", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, Refused, 307, ""},
		{"nothing", hangUp(""), Retry, 0, ""},
		{"half a header", hangUp("HTTP/1.1 200 OK\r\nContent-"), Retry, 0, ""},
		{"no HTTP", hangUp("220 mail.example.com ESMTP\r\n"), Retry, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			defer server.Close()
			o := send(t, newSender(t, anywhere{}), server.URL+"/s3cret?token=s3cret")
			if o.Verdict != test.want || o.Status != test.status || string(o.Head) != test.head {
				t.Errorf("%v, %d, %.20q, want %v, %d, %.20q", o.Verdict, o.Status, o.Head, test.want, test.status, test.head)
			}
			if o.Reason == "" || strings.Contains(o.Reason, "s3cret") {
				t.Errorf("reason %q", o.Reason)
			}
		})
	}
}

func TestReceiverGetsWhatIsSigned(t *testing.T) {
	t.Parallel()
	k := newKey(t, V1)
	verified := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		err := receiver(t, k).Verify(got, r.Header)
		if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "datastub-test" {
			err = errors.Join(err, fmt.Errorf("header %v", r.Header))
		}
		verified <- err
	}))
	defer server.Close()
	_, err := newSender(t, anywhere{}).Send(t.Context(), &Request{URL: server.URL, ID: "7", ContentType: "application/json", Body: body, Keys: []Key{k}})
	if err := errors.Join(err, <-verified); err != nil {
		t.Error(err)
	}
}

// TestGuardJudgesWhatIsDialled gives a name that means loopback, which no look
// at the URL would tell.
func TestGuardJudgesWhatIsDialled(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the receiver was reached")
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		o := send(t, newSender(t, nowhere{}), "http://"+net.JoinHostPort(host, port))
		if o.Verdict != Retry || !strings.Contains(o.Reason, "is loopback") {
			t.Errorf("%s: %v, %q, want retry, as it is loopback", host, o.Verdict, o.Reason)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := newSender(t, anywhere{})
	for range breakAfter {
		if o := send(t, s, server.URL); o.Verdict != Retry || o.Reason != "connection refused" {
			t.Fatalf("%v, %q, want retry, connection refused", o.Verdict, o.Reason)
		}
	}
	if o := send(t, s, server.URL); o.Verdict != Later || o.RetryAfter != breakTime {
		t.Errorf("%v after %v, %q, want later, after %v", o.Verdict, o.RetryAfter, o.Reason, breakTime)
	}
	want := `
# HELP datastub_cloudsvc_webhook_tries_total Tries to deliver by webhook, by what came of them.
# TYPE datastub_cloudsvc_webhook_tries_total counter
`
	for outcome, n := range map[string]int{"done": 0, "retry": breakAfter, "later": 0, "refused": 0, "gone": 0, "skipped": 1, "broken off": 0} {
		want += fmt.Sprintf("datastub_cloudsvc_webhook_tries_total{outcome=%q} %d\n", outcome, n)
	}
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), "datastub_cloudsvc_webhook_tries_total"); err != nil {
		t.Error(err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // else the server does not see the sender leave
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := newSender(t, anywhere{}).Send(ctx, &Request{URL: server.URL, ID: "7", Body: body}); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v, want %v", err, context.Canceled)
	}
}

func newSender(t *testing.T, rule AddressRule) *Sender {
	t.Helper()
	s, err := NewSender(SenderOptions{Dial: Guard(rule).DialContext, Agent: "datastub-test", Origin: "datastub.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, s *Sender, url string) Outcome {
	t.Helper()
	o, err := s.Send(t.Context(), &Request{URL: url, ID: "7", ContentType: "application/json", Body: body})
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	return o
}

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// halfBody says that more comes than does.
func halfBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, "half")
}

// hangUp answers with a text and closes the connection.
func hangUp(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
}
