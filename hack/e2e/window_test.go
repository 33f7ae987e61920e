package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// What the windows of TestWindows are.
const (
	windowSize     = 3 * time.Second
	windowSlide    = time.Second
	windowLateness = 500 * time.Millisecond
)

// windowRow is a row as it is delivered, and as it is computed plainly.
type windowRow struct {
	Topic, Device                     string
	Count, Min, Max, Sum, First, Last int64
}

// windowDelivery is a window as it is delivered.
type windowDelivery struct {
	ID, Publisher string
	Window        struct{ Start time.Time }
	Parts         int
	Late          int
	Rows          []windowRow
}

// windowReceiver is a webhook's, which fails now and then.
type windowReceiver struct {
	*httptest.Server
	mu    sync.Mutex
	first map[string][]byte // the body that came first, by its id
	got   []windowDelivery
	wrong []string
}

func startWindowReceiver(t *testing.T) *windowReceiver {
	t.Helper()
	r := &windowReceiver{first: make(map[string][]byte)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *windowReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var d windowDelivery
	if err == nil {
		err = json.Unmarshal(body, &d)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, again := r.first[d.ID]
	switch {
	case err != nil || d.Window.Start.IsZero(): // cut off, or a message of class RT
	case again && !bytes.Equal(before, body):
		r.wrong = append(r.wrong, fmt.Sprintf("%s and %s", before, body))
	case !again:
		r.first[d.ID] = body
		r.got = append(r.got, d)
	}
	if rand.IntN(300) == 0 { // the first one again, or a second try
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (r *windowReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// TestWindows kills cloudsvc while it delivers windows of what a mapper and a
// program publish, whose times jump and are late, and holds what came to windows
// that are computed of all messages that the log has.
func TestWindows(t *testing.T) {
	s := stack.New(t, allowLoopback...)
	r := startWindowReceiver(t)
	subscribe := fmt.Sprintf(`{"topic":"#","callback":%q,"window":{"size":%q,"slide":%q,"lateness":%q,"functions":["count","min","max","sum","first","last"]}}`,
		r.URL, windowSize, windowSlide, windowLateness)
	resp, err := http.Post(s.URL()+"/v1/subscriptions", "application/json", strings.NewReader(subscribe))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("status %s, want 201", resp.Status)
	}
	c := newClient(t, s)
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")}, "batch: {maxAge: 200ms}")
	stop := publishPast(t, c)
	for range 6 {
		n := r.count()
		stack.Eventually(t, "more windows", func() bool { return r.count() > n+20 })
		s.Cloudsvc.Kill()
		s.StartCloudsvc()
	}
	stop()
	m.Stop()
	want, late := plainWindows(readAll(t, c))
	stack.Eventually(t, fmt.Sprintf("%d windows", len(want)), func() bool { return r.count() >= len(want) })
	r.check(t, want, late)
}

// check holds what came to what was computed.
func (r *windowReceiver) check(t *testing.T, want map[string][]windowRow, late int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != len(want) || len(r.wrong) > 0 {
		t.Errorf("%d windows, want %d; delivered again, and not the same: %s", len(r.got), len(want), strings.Join(r.wrong, "\n"))
	}
	for _, d := range r.got {
		if rows := want[windowName(d.Publisher, d.Window.Start)]; d.Parts != 1 || !slices.Equal(d.Rows, rows) {
			t.Errorf("window %v of %s:\n%+v\nwant\n%+v", d.Window.Start, d.Publisher, d.Rows, rows)
		}
		late -= d.Late
	}
	if late < 0 || late > 50 { // the last ones are told by no delivery yet
		t.Errorf("late messages that nobody told: %d", late)
	}
}

// publishPast publishes what a program may, a month ago, until it is stopped.
// What is not answered may be stored or not.
func publishPast(t *testing.T, c *client.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		at := time.Now().Add(-720 * time.Hour)
		for value := int64(0); ctx.Err() == nil; {
			messages := make([]dataplane.Message, 50)
			for i := range messages {
				at = at.Add(time.Duration(rand.IntN(10)) * time.Millisecond)
				if rand.IntN(5000) == 0 {
					at = at.Add(time.Hour)
				}
				value++
				messages[i] = dataplane.Message{
					Topic: "program", Device: fmt.Sprint("d", rand.IntN(5)), Value: dataplane.IntValue(value),
					Time: at.Add(-time.Duration(rand.ExpFloat64() * float64(windowLateness))),
				}
			}
			_, _ = c.Publish(ctx, messages...) // cloudsvc is killed now and then
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

var errRead = errors.New("all was read")

// readAll returns all messages of class BT that the log has.
func readAll(t *testing.T, c *client.Client) (all []dataplane.Message) {
	t.Helper()
	end, err := c.Publish(t.Context(), dataplane.Message{Topic: "end", Class: dataplane.RT, Value: dataplane.IntValue(0)})
	if err != nil {
		t.Fatal(err)
	}
	// The other class may be behind: its end is a message that closes nothing.
	last, err := c.Publish(t.Context(), dataplane.Message{Topic: "program", Device: "end", Value: dataplane.IntValue(0), Time: time.Now().Add(-8760 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	left := map[dataplane.ID]bool{end[0]: true, last[0]: true}
	sub, err := client.NewSubscription(client.SubscriptionOptions{
		Client: c, Filter: "#", Start: client.Start{After: client.Earliest},
		Handle: func(e client.Event) error {
			if e.Class == dataplane.BT {
				all = append(all, e.Message)
			}
			if delete(left, e.ID); len(left) == 0 {
				return errRead
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Run(t.Context()); !errors.Is(err, errRead) {
		t.Fatal(err)
	}
	return all
}

func windowName(publisher string, start time.Time) string {
	return fmt.Sprint(publisher, " ", start.UnixNano())
}

// plainWindows computes, by the definition, the windows that messages have
// closed, and how many messages were late.
func plainWindows(messages []dataplane.Message) (closed map[string][]windowRow, late int) {
	type window struct {
		publisher  string
		start, end time.Time
		messages   []dataplane.Message
	}
	high, windows := map[string]time.Time{}, map[string]*window{}
	isClosed := func(publisher string, end time.Time) bool {
		at, known := high[publisher]
		return known && !end.After(at.Add(-windowLateness))
	}
	for _, m := range messages {
		publisher := m.ID.Publisher
		counted := false
		for start := m.Time.Truncate(windowSlide); start.Add(windowSize).After(m.Time); start = start.Add(-windowSlide) {
			if isClosed(publisher, start.Add(windowSize)) {
				continue
			}
			counted = true
			name := windowName(publisher, start)
			if windows[name] == nil {
				windows[name] = &window{publisher: publisher, start: start, end: start.Add(windowSize)}
			}
			windows[name].messages = append(windows[name].messages, m)
		}
		if !counted {
			late++
		} else if m.Time.After(high[publisher]) {
			high[publisher] = m.Time
		}
	}
	closed = map[string][]windowRow{}
	for name, w := range windows {
		if isClosed(w.publisher, w.end) {
			closed[name] = plainRows(w.messages)
		}
	}
	return closed, late
}

// plainRows returns the rows of a window's messages, sorted.
func plainRows(messages []dataplane.Message) (rows []windowRow) {
	messages = slices.Clone(messages)
	slices.SortStableFunc(messages, func(a, b dataplane.Message) int { return a.Time.Compare(b.Time) })
	for _, m := range messages {
		value, _ := m.Value.Int64()
		i := slices.IndexFunc(rows, func(r windowRow) bool { return r.Topic == m.Topic && r.Device == m.Device })
		if i < 0 {
			i = len(rows)
			rows = append(rows, windowRow{Topic: m.Topic, Device: m.Device, Min: value, Max: value, First: value})
		}
		r := &rows[i]
		r.Count, r.Sum, r.Last = r.Count+1, r.Sum+value, value
		r.Min, r.Max = min(r.Min, value), max(r.Max, value)
	}
	slices.SortFunc(rows, func(a, b windowRow) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), strings.Compare(a.Device, b.Device))
	})
	return rows
}
