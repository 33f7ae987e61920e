package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"datastub/dataplane"
	"datastub/hack/stack"
)

// A receiver is the end of a durable subscription that takes messages, one or
// many in a request. What it answers with 2xx it has; a flawed one fails the first
// try of some.
type receiver struct {
	*httptest.Server
	status string // URL of the subscription
	filter dataplane.Filter
	flawed bool

	mu       sync.Mutex
	tried    map[string][]dataplane.ID // what each webhook-id brought, when it first did
	batches  map[string][]byte         // their bodies, likewise
	had      map[dataplane.ID]string   // the webhook-id that brought a message
	got      []dataplane.Message       // in the order in which each came first
	again    int                       // requests that brought what was had
	problems []string
}

// startReceiver starts a receiver and makes a subscription to it.
func startReceiver(t *testing.T, s *stack.Stack, filter string, maxInFlight int, flawed bool) *receiver {
	t.Helper()
	r := newReceiver(t, filter)
	r.flawed = flawed
	r.subscribe(t, s, r, maxInFlight)
	return r
}

// newReceiver returns a receiver for what a filter matches.
func newReceiver(t *testing.T, filter string) *receiver {
	t.Helper()
	parsed, err := dataplane.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	return &receiver{
		filter: parsed, tried: make(map[string][]dataplane.ID), batches: make(map[string][]byte), had: make(map[dataplane.ID]string),
	}
}

// subscribe starts the server, whose requests go through a handler, and makes the
// subscription.
func (r *receiver) subscribe(t *testing.T, s *stack.Stack, handler http.Handler, maxInFlight int) {
	t.Helper()
	r.Server = httptest.NewServer(handler)
	t.Cleanup(r.Close)
	resp, err := http.Post(s.URL()+"/v1/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"topic":%q,"callback":%q,"maxInFlight":%d}`, r.filter, r.URL, maxInFlight)))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("subscribe to %s: %s, want 201", r.filter, resp.Status)
	}
	r.status = s.URL() + resp.Header.Get("Location")
}

// ServeHTTP takes a request, or fails in a way that is tried again within a
// second or two.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil { // cloudsvc was killed, and hears nothing
		panic(http.ErrAbortHandler)
	}
	messages, err := readDelivery(body)
	if err != nil {
		r.problem("body %.300s: %v", body, err)
		panic(http.ErrAbortHandler)
	}
	id := req.Header.Get("webhook-id")
	whim := rand.IntN(100)
	if first := r.try(id, body, messages); !first || !r.flawed {
		whim = 100
	}
	switch {
	case whim < 1:
		w.WriteHeader(http.StatusInternalServerError)
	case whim < 2:
		panic(http.ErrAbortHandler) // the connection breaks off
	case whim < 3:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case whim < 4: // it has them, and cannot say so
		r.take(id, messages)
		panic(http.ErrAbortHandler)
	default:
		r.take(id, messages)
	}
}

// readDelivery returns the messages of a request: it is one, or an object of many.
func readDelivery(body []byte) ([]dataplane.Message, error) {
	var many struct{ Messages []dataplane.Message }
	if err := json.Unmarshal(body, &many); err != nil || many.Messages != nil {
		return many.Messages, err
	}
	var one dataplane.Message
	err := json.Unmarshal(body, &one)
	return []dataplane.Message{one}, err
}

// try notes what a webhook-id brings, which is the same each time, of a batch to
// the byte, and tells whether it came first.
func (r *receiver) try(id string, body []byte, messages []dataplane.Message) (first bool) {
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.tried[id]
	if !known {
		r.tried[id] = ids
	} else if !slices.Equal(before, ids) {
		r.problems = append(r.problems, fmt.Sprintf("%s brought %v, and then %v", id, before, ids))
	}
	if strings.HasPrefix(id, "bat_") && !known {
		r.batches[id] = body
	} else if !bytes.Equal(r.batches[id], body) && r.batches[id] != nil {
		r.problems = append(r.problems, fmt.Sprintf("%s was %s, and then %s", id, r.batches[id], body))
	}
	return !known
}

// take has messages, each of which one webhook-id brings.
func (r *receiver) take(id string, messages []dataplane.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		before, had := r.had[m.ID]
		switch {
		case !had:
			r.had[m.ID] = id
			r.got = append(r.got, m)
		case before != id:
			r.problems = append(r.problems, fmt.Sprintf("%v came by %s, and then by %s", m.ID, before, id))
		default:
			r.again++
		}
	}
}

func (r *receiver) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// awaitAll waits until the receiver has each message, for as long as any come, or
// else tells what cloudsvc says of the subscription.
func (r *receiver) awaitAll(t *testing.T, of map[dataplane.ID]acceptance) {
	t.Helper()
	lacking := r.lacks(of)
	defer func() {
		if len(lacking) > 0 {
			t.Errorf("%d of %d are missing, such as %v (tried: %v): %s; dead letters: %s", len(lacking), len(of), lacking[0],
				r.wasTried(lacking[0]), get(t, r.status), get(t, strings.Replace(r.status, "/subscriptions/", "/deadletters?subscription=", 1)))
			r.tellProblems(t)
		}
	}()
	for len(lacking) > 0 {
		had := r.count()
		await(t, fmt.Sprintf("one more of %d at the receiver of %s", len(of), r.filter), func() bool { return r.count() > had })
		lacking = r.lacks(of)
	}
}

// count returns how many messages the receiver has.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// lacks returns the messages that the receiver has not.
func (r *receiver) lacks(of map[dataplane.ID]acceptance) (lacking []dataplane.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range of {
		if _, had := r.had[id]; !had {
			lacking = append(lacking, id)
		}
	}
	return lacking
}

// check fails unless all came that was accepted, each device's in the order in
// which it was, and nothing else. It returns how many messages came, and came
// again.
func (r *receiver) check(t *testing.T, accepted map[dataplane.ID]acceptance) (had, again int) {
	t.Helper()
	r.tellProblems(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	left := maps.Clone(accepted)
	values := make(map[string]int64)
	for _, m := range r.got {
		if value, series := mustInt(t, m), m.Class.String()+" "+m.Address(); value <= values[series] {
			t.Errorf("the receiver of %s: %v with %d comes behind %d", r.filter, m.ID, value, values[series])
		} else {
			values[series] = value
		}
		if a, is := left[m.ID]; is && a.Value != mustInt(t, m) {
			t.Errorf("the receiver of %s: %v has %v, and was accepted with %d", r.filter, m.ID, m.Value, a.Value)
		}
		delete(left, m.ID)
	}
	none(t, "the receiver of "+r.filter.String(), left)
	return len(r.got), r.again
}

// tellProblems fails if the receiver saw anything wrong.
func (r *receiver) tellProblems(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.problems {
		t.Errorf("the receiver of %s: %s", r.filter, p)
	}
}

// wasTried tells whether any request brought a message.
func (r *receiver) wasTried(id dataplane.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, brought := range r.tried {
		if slices.Contains(brought, id) {
			return true
		}
	}
	return false
}

// matching returns what was accepted that a filter matches.
func matching(accepted map[dataplane.ID]acceptance, filter dataplane.Filter) map[dataplane.ID]acceptance {
	of := make(map[dataplane.ID]acceptance)
	for id, a := range accepted {
		if filter.Match(a.Topic) {
			of[id] = a
		}
	}
	return of
}
