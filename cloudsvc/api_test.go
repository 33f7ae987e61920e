package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
	"datastub/dataplane/rest"
	"datastub/hack/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout bounds what must happen soon, on the slowest of machines.
const testTimeout = 20 * time.Second

var testTime = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// testPublisher stores nothing and delivers at once.
type testPublisher struct {
	dispatcher *Dispatcher

	mu    sync.Mutex
	err   error // returned instead of ids, if set
	block uint64
	last  []dataplane.Message
	key   RequestKey // of the last that had one
}

// PublishOnce knows the last key only, and stores what has it again.
func (p *testPublisher) PublishOnce(ctx context.Context, identity Identity, key RequestKey, messages []dataplane.Message) ([]dataplane.ID, error) {
	p.mu.Lock()
	was := p.key
	p.key = key
	p.mu.Unlock()
	if was.Request == key.Request && was.Body != key.Body {
		return nil, ErrKeyReused
	}
	return p.Publish(ctx, identity, messages)
}

func (p *testPublisher) Publish(_ context.Context, identity Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	p.block++
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		m := &messages[i]
		m.ID = dataplane.ID{Publisher: "http/" + string(identity), Class: m.Class, Epoch: 1, Seq: p.block*100_000 + uint64(i)}
		m.Node, m.Seq = "http", m.ID.Seq
		ids[i] = m.ID
	}
	p.last = messages
	p.dispatcher.Deliver(messages[0].Class, p.block, messages, nil)
	return ids, nil
}

func (p *testPublisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// testGaps are gaps that stay.
type testGaps struct{ gapIndex }

func (g testGaps) Gaps(_ context.Context, q GapQuery) (GapList, error) { return g.find(q), nil }

// testAuditor knows one account.
type testAuditor struct{}

func (testAuditor) Ledger(_ context.Context, publisher string) (ledger.Ledger, error) {
	lane := new(ledger.Lane)
	lane.Stored(7, ledger.Span{From: 2, To: 4})
	lane.Event(7, ledger.Span{From: 2, To: 2})
	lane.Stored(7, ledger.Span{From: 4, To: 5})
	lane.Lost(7, ledger.Gap{Span: ledger.Span{From: 9, To: 9}, Reason: "full"})
	lane.Stored(7, ledger.Span{From: 8, To: 8})
	lane.Ended(7, ledger.End{Last: 9, Unknown: true, Reason: "power was lost"})
	lane.Stored(8, ledger.Span{From: 1, To: 2})
	return ledger.Ledger{
		Since: testTime, Others: ledger.Counts{Stored: 1},
		Log: map[dataplane.Class]ledger.Reading{dataplane.RT: {First: 1, Last: 3, Read: 2, Corrupt: []uint64{2}, Reason: "no time"}},
		Accounts: []ledger.Account{{
			Publisher: publisher, Class: dataplane.RT, Counts: ledger.Counts{Stored: 7, Lost: 1, Delivered: 3},
			Edge:   &ledger.Edge{Started: testTime, Time: testTime, Storage: dataplane.StorageDisk, EdgeCount: dataplane.EdgeCount{Read: 9, Epoch: 8, Last: 3}},
			Epochs: lane.Prove(ledger.Known{Online: true, Epoch: 8, Last: 3}),
		}},
	}, nil
}

// testService is the API behind a real listener.
type testService struct {
	url        string
	api        *API
	registry   *Registry
	dispatcher *Dispatcher
	publisher  *testPublisher
	client     *http.Client
	stop       func() // ends Run and waits for it; a second time does nothing
}

func startService(t *testing.T, change func(*APIOptions)) *testService {
	t.Helper()
	metrics := prometheus.NewRegistry()
	s := &testService{
		registry:   NewRegistry(RegistryOptions{Now: func() time.Time { return testTime }, MaxNodes: 5}),
		dispatcher: dispatcherOn(newMemoryLog(), Position{Incarnation: 1}, metrics),
		client:     &http.Client{Transport: &http.Transport{}, CheckRedirect: noRedirect},
	}
	metrics.MustRegister(s.registry)
	s.publisher = &testPublisher{dispatcher: s.dispatcher}
	options := APIOptions{
		Registry: s.registry, Publisher: s.publisher, Dispatcher: s.dispatcher,
		Gaps:    testGaps{*testIndex()},
		Ledger:  testAuditor{},
		Hooks:   testHooks(t, s.dispatcher),
		Ready:   func() error { return nil },
		Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
		Now:     func() time.Time { return testTime },
	}
	if change != nil {
		change(&options)
	}
	var err error
	if s.api, err = NewAPI(options); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (s *testService) serve(t *testing.T) {
	t.Helper()
	server, err := NewServer("127.0.0.1:0", s.api)
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + server.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		s.client.CloseIdleConnections()
	})
	t.Cleanup(s.stop)
}

// An answer is an HTTP response that was read.
type answer struct {
	path   string // that was asked for
	status int
	header http.Header
	body   string
}

// do sends a request, with names and values of headers, and reads the answer.
func (s *testService) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.URL.Path, response.StatusCode, response.Header, string(text)}
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	poll.Within(t, testTimeout, what, condition)
}

func TestAPIOptionsRequired(t *testing.T) {
	if _, err := NewAPI(APIOptions{}); err == nil || !strings.Contains(err.Error(), "required") {
		t.Errorf("got %v, want what is required", err)
	}
}

func TestAPIProblems(t *testing.T) {
	s := startService(t, nil)
	for i := range 5 {
		s.registry.Seen(fmt.Sprintf("edge-%d/mapper", i), "")
	}
	long := strings.Repeat("x", rest.MaxBody)
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string // but type's prefix and instance
	}{
		{"no such path", "GET", "/nodes", "", 404, `no-such-path: there is nothing at this path; GET /openapi.yaml lists what there is`},
		{"method", "DELETE", "/publish", "", 405, `method-not-allowed: the path does not take this method; the Allow header lists those it takes`},
		{"register without body", "POST", "/register", "", 400, `invalid-request: body is empty: want JSON`},
		{"register unknown field", "POST", "/register", `{"id":"a","adresse":"x"}`, 400, `invalid-request: "adresse" is no known field: want one of id, address, topics`},
		{"register wrong type", "POST", "/register", `{"id":7}`, 400, `invalid-request: id is a JSON number: want a string`},
		{"register an array", "POST", "/register", `[]`, 400, `invalid-request: body is a JSON array: want an object`},
		{"register not JSON", "POST", "/register", `{"id":`, 400, `invalid-request: body is not JSON: it ends too soon, at byte 6`},
		{"register two", "POST", "/register", `{"id":"a"} {"id":"b"}`, 400, `invalid-request: body is not JSON: '{' behind its end, at byte 11: want one value`},
		{"register all wrong", "POST", "/register", `{"id":"","address":"http://x","topics":["a","b c",7],"ID":1}`, 400,
			`invalid-request: "ID" is no known field: want id (and 4 more) [ID: "ID" is no known field: want id][topics[2]: topics[2] is a JSON number: want a string]` +
				`[id: id is empty][address: address "http://x" is not a tcp:// URL: want tcp://host:port, or nothing]` +
				`[topics[1]: topic "b c" has ' ' at byte 1: wildcards, spaces and control characters are not allowed]`},
		{"register a private address", "POST", "/register", `{"id":"a","address":"tcp://10.0.0.1:5556"}`, 400,
			`invalid-request: address 10.0.0.1 is private (RFC 1918): cloudsvc dials it only if --webhook-allow has it, such as --webhook-allow 10.0.0.1`},
		{"register an uplink's id", "POST", "/register", `{"id":"edge-1/mapper"}`, 409, `uplink-node: id "edge-1/mapper": a mapper is known by this id through its uplink: register under another id`},
		{"register full", "POST", "/register", `{"id":"a"}`, 503, `registry-full: as many nodes or topics as may be are registered and online`},
		{"register too large", "POST", "/register", `{"id":"` + long + `"}`, 413, `too-large: the body is larger than 1048576 bytes`},
		{"discover wrong filter", "GET", "/discover?topic=a/%23/b", "", 400, `invalid-request: topic: filter "a/#/b" has "#" before its end: it is the last level or none`},
		{"discover misspelt", "GET", "/discover?topics=a", "", 400, `invalid-request: query: "topics" is no known parameter: want topic`},
		{"discover twice", "GET", "/discover?topic=a&topic=b", "", 400, `invalid-request: topic is given 2 times: want it once`},
		{"discover not escaped", "GET", "/discover?topic=%zz", "", 400, `invalid-request: query cannot be read: want name=value, percent-encoded, with & between them`},
		{"discover with a semicolon", "GET", "/discover?topic=a;b=c", "", 400, `invalid-request: query cannot be read: want name=value, percent-encoded, with & between them`},
		{"publish with a query", "POST", "/publish?topic=a", `1`, 400, `invalid-request: query: "topic" is no known parameter: want none`},
		{"get_producer without topic", "GET", "/get_producer", "", 400, `invalid-request: topic: the query lacks it: want /get_producer?topic=…`},
		{"get_producer wrong filter", "GET", "/get_producer?topic=a//b", "", 400, `invalid-request: topic: filter "a//b" has an empty level`},
		{"publish without body", "POST", "/publish", " \n", 400, `invalid-request: body is empty: want JSON`},
		{"publish not JSON", "POST", "/publish", `{"topic":"a",}`, 400, `invalid-request: body is not JSON: unexpected '}' at byte 13`},
		{"publish two lines", "POST", "/publish", "{}\n{}", 400, `invalid-request: body is not JSON: '{' behind its end, at byte 3: want one value`},
		{"publish empty array", "POST", "/publish", `[]`, 400, `invalid-request: the array is empty: want at least one message`},
		{"publish too many", "POST", "/publish", "[" + strings.Repeat("1,", rest.MaxPublishMessages) + "1]", 400, `invalid-request: more than 10000 messages: publish them in several requests`},
		{"publish all wrong", "POST", "/publish", `[{"topic":"a","value":1},{"topic":"a b"},{"topic":"$events/x","value":1,"class":"RT"},{"tpic":"a"}]`, 400,
			`invalid-request: index 1: value is missing (and 5 more) ` +
				`1[value: value is missing]1[topic: topic "a b" has ' ' at byte 1: wildcards, spaces and control characters are not allowed]` +
				`2[topic: topic "$events/x" begins with "$", which is kept for events]` +
				`3[tpic: "tpic" is no known field: want one of topic, namespace, device, property, class, type, value, unit, time, quality, id, node, seq, position]3[value: value is missing]3[topic: topic is empty]`},
		{"publish one", "POST", "/publish", `{"topic":"a","value":1,"Topic":"b"}`, 400, `invalid-request: "Topic" is no known field: want topic`},
		{"publish twice the same", "POST", "/publish", `{"topic":"a","value":1,"value":2}`, 400, `invalid-request: value is given twice: want it once`},
		{"publish the zero time", "POST", "/publish", `{"topic":"a","value":1,"time":"0001-01-01T00:00:00Z"}`, 400, `invalid-request: time is in the year 1: want 1678 to 2261`},
		{"publish a bad literal", "POST", "/publish", `{"topic":falso}`, 400, `invalid-request: body is not JSON: unexpected 'o' at byte 13`},
		{"publish a large one", "POST", "/publish", `[{"topic":"a","value":"` + strings.Repeat("x", dataplane.MaxMessage) + `"}]`, 400, `invalid-request: index 0: message is 1048660 bytes large: the most is 1048576`},
		{"publish too large", "POST", "/publish", `{"topic":"` + strings.Repeat(long, 8) + `"}`, 413, `too-large: the body is larger than 8388608 bytes`},
		{"subscribe unknown field", "POST", "/subscribe", `{"topic":"a","qos":1}`, 400, `invalid-request: "qos" is no known field: want one of topic, after, since`},
		{"subscribe without topic", "POST", "/subscribe", `{}`, 400, `invalid-request: topic: filter is empty: want a topic, or a filter such as sensor/+/temperature or #`},
		{"gaps all wrong", "GET", "/v1/gaps?topic=a//b&publisher=m&since=1h&limit=10001", "", 400,
			`invalid-request: topic: filter "a//b" has an empty level (and 3 more) [topic: filter "a//b" has an empty level]` +
				`[publisher: publisher "m" is not <node>/<mapper>][since: since "1h" is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z]` +
				`[limit: limit "10001": want a number from 1 to 10000]`},
		{"gaps misspelt", "GET", "/v1/gaps?filter=a", "", 400, `invalid-request: query: "filter" is no known parameter: want topic, publisher, since, limit`},
		{"subscribe webhook at loopback", "POST", "/subscribe?topic=a&callback=http://127.0.0.1/s3cret", "", 400,
			`invalid-request: callback: address 127.0.0.1 is loopback: cloudsvc dials it only if --webhook-allow has it, such as --webhook-allow 127.0.0.1`},
		{"subscribe webhook nowhere", "POST", "/subscribe?topic=a&callback=s3cret", "", 400,
			`invalid-request: callback: URL of the receiver is neither http:// nor https://: want one such as https://app.example.com/hooks/datastub`},
		{"no such subscription", "GET", "/v1/subscriptions/sub_x", "", 404, `no-such-subscription: there is no subscription with this id`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, tt.method, tt.path, tt.body)
			if a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
			if got := describeProblem(t, a); got != tt.want {
				t.Errorf("problem\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// describeProblem checks what every problem has, and returns the rest of it.
func describeProblem(t *testing.T, a answer) string {
	t.Helper()
	var p rest.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if p.Status != a.status || p.Title == "" || p.Instance != a.path {
		t.Errorf("status %d, title %q, instance %q", p.Status, p.Title, p.Instance)
	}
	if retry := a.header.Get("Retry-After"); (retry != "") != (p.Status == http.StatusServiceUnavailable) {
		t.Errorf("status %d with Retry-After %q", p.Status, retry)
	}
	text := strings.TrimPrefix(p.Type, "urn:datastub:problem:") + ": " + p.Detail
	if len(p.Errors) > 1 {
		text += " "
		for _, e := range p.Errors {
			if e.Index != nil {
				text += fmt.Sprint(*e.Index)
			}
			text += "[" + e.Field + ": " + e.Detail + "]"
		}
	}
	return text
}

func TestAPIAllow(t *testing.T) {
	s := startService(t, nil)
	for path, want := range map[string]string{"/publish": "POST", "/discover": "GET, HEAD"} {
		a := s.do(t, "PATCH", path, "")
		if got := a.header.Get("Allow"); a.status != http.StatusMethodNotAllowed || got != want {
			t.Errorf("PATCH %s: %d, Allow %q, want %q", path, a.status, got, want)
		}
	}
}

func TestAPIInternalsStayInside(t *testing.T) {
	s := startService(t, func(o *APIOptions) {
		o.Ready = func() error { return errors.New("no route to nats://user:secret@nats-1") }
	})
	s.publisher.fail(errors.New("write /var/lib/secret: disk full"))
	for _, request := range [][3]string{
		{"POST", "/publish", `{"topic":"a","value":1}`},
		{"GET", "/readyz", ""},
	} {
		a := s.do(t, request[0], request[1], request[2])
		if a.status < 500 || strings.Contains(a.body, "secret") {
			t.Errorf("%s: %d %s", request[1], a.status, a.body)
		}
		describeProblem(t, a)
	}
	s.publisher.fail(fmt.Errorf("ingest: %w", ErrClosed))
	if got := describeProblem(t, s.do(t, "POST", "/publish", `{"topic":"a","value":1}`)); got != "shutting-down: cloudsvc is shutting down" {
		t.Errorf("got %s", got)
	}
}

func TestAPIRefusesOtherOrigins(t *testing.T) {
	s := startService(t, nil)
	r, err := http.NewRequest(http.MethodPost, s.url+"/publish", strings.NewReader(`{"topic":"a","value":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.StatusCode)
	}
}

func TestAPIHealth(t *testing.T) {
	s := startService(t, nil)
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`,
		"/metrics": "datastub_cloudsvc_nodes{state=\"online\"} 0", "/openapi.yaml": "openapi: 3.",
	} {
		if a := s.do(t, "GET", path, ""); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("GET %s: %d %s, want %s", path, a.status, a.body, want)
		}
		if a := s.do(t, "HEAD", path, ""); a.status != http.StatusOK || a.body != "" {
			t.Errorf("HEAD %s: %d %q", path, a.status, a.body)
		}
	}
}
