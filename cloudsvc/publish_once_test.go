package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// bothClasses is a request with messages of both classes.
func bothClasses() []dataplane.Message {
	return []dataplane.Message{httpMessage(dataplane.BT, "a"), httpMessage(dataplane.RT, "b"), httpMessage(dataplane.BT, "c")}
}

func requestKey(n byte) RequestKey { return RequestKey{[16]byte{n}, [16]byte{9}} }

// TestPublishOnce sends a request again and again: it is stored once and answered
// alike, for a day.
func TestPublishOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		once := func(key RequestKey) []dataplane.ID {
			t.Helper()
			ids, err := c.PublishOnce(t.Context(), "me", key, bothClasses())
			if err != nil {
				t.Fatal(err)
			}
			return ids
		}
		first := once(requestKey(1))
		if again := once(requestKey(1)); !slices.Equal(again, first) {
			t.Errorf("again: got %v, want %v", again, first)
		}
		other := requestKey(1)
		other.Body[0]++
		if _, err := c.PublishOnce(t.Context(), "me", other, bothClasses()); !errors.Is(err, ErrKeyReused) {
			t.Errorf("with another body: got %v, want ErrKeyReused", err)
		}
		if next := once(requestKey(2)); slices.Equal(next, first) {
			t.Error("another key: got the same ids")
		}
		if got := log.checkOnce(t); got != 6 {
			t.Errorf("stored: got %d, want 6", got)
		}
		<-time.After(keyTime)
		if late := once(requestKey(1)); slices.Equal(late, first) {
			t.Error("after a day: got the same ids")
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestPublishOnceAtOnce sends a request many times while the log does not answer,
// and gives up some of them.
func TestPublishOnceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		type answer struct {
			ids []dataplane.ID
			err error
		}
		answers := make(chan answer)
		ask := func(ctx context.Context, key RequestKey) {
			ids, err := c.PublishOnce(ctx, "me", key, bothClasses())
			answers <- answer{ids, err}
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go ask(impatient, requestKey(1))
		synctest.Wait()
		for range 10 {
			go ask(t.Context(), requestKey(1))
		}
		other := requestKey(1)
		other.Body[0]++
		go ask(t.Context(), other)
		if a := <-answers; !errors.Is(a.err, ErrKeyReused) {
			t.Errorf("with another body: got %v, want ErrKeyReused", a.err)
		}
		if a := <-answers; !errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("who gave up: got %v", a.err)
		}
		release()
		var first []dataplane.ID
		for range 10 {
			a := <-answers
			if a.err != nil || first != nil && !slices.Equal(a.ids, first) {
				t.Errorf("got %v, %v, want %v", a.ids, a.err, first)
			}
			first = a.ids
		}
		if got := log.checkOnce(t); got != 3 {
			t.Errorf("stored: got %d, want 3", got)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if len(c.requests) != 0 {
			t.Errorf("%d requests are still in flight", len(c.requests))
		}
	})
}

// TestPublishOnceOverKills kills cloudsvc when the log has some of a request, or
// all, and nobody was answered: sent again, what is missing is stored, and the
// ids are those that subscribers got.
func TestPublishOnceOverKills(t *testing.T) {
	t.Parallel()
	for _, stored := range [][]dataplane.Class{nil, {dataplane.RT}, {dataplane.BT}, {dataplane.RT, dataplane.BT}} {
		for _, snapshot := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v stored, snapshot: %v", stored, snapshot), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					log := newMemoryLog()
					takes, answers := log.before, log.after
					log.before = func(_ context.Context, class dataplane.Class) error {
						if !slices.Contains(stored, class) {
							return errors.New("refused")
						}
						return nil
					}
					log.after = func() error { return errors.New("the answer was lost") }
					c := startCloud(quiet(t.Context()), t, log, nil)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if _, err := c.PublishOnce(ctx, "me", requestKey(1), bothClasses()); !errors.Is(err, context.DeadlineExceeded) {
						t.Fatalf("got %v, want that it was too late", err)
					}
					log.mu.Lock()
					log.dead = true
					log.mu.Unlock()
					_ = c.end()
					log.dead, log.before, log.after = false, takes, answers
					var first []dataplane.ID
					for range 3 { // each time behind a restart
						c = startCloud(quiet(t.Context()), t, log, nil)
						ids, err := c.PublishOnce(t.Context(), "me", requestKey(1), bothClasses())
						if err != nil || first != nil && !slices.Equal(ids, first) {
							t.Errorf("got %v, %v, want %v", ids, err, first)
						}
						first = ids
						if err := c.end(); err != nil {
							t.Error(err)
						}
						if !snapshot {
							log.snapshot = nil
						}
					}
					if got := log.checkOnce(t); got != 3 {
						t.Errorf("stored: got %d, want 3", got)
					}
					for _, r := range append(log.ranges(t, dataplane.RT), log.ranges(t, dataplane.BT)...) {
						if !slices.ContainsFunc(first, func(id dataplane.ID) bool {
							return id.Epoch == r.Epoch && id.Seq == r.First && id.Publisher == r.Publisher
						}) {
							t.Errorf("the log has %s %d/%d, of the ids %v", r.Publisher, r.Epoch, r.First, first)
						}
					}
				})
			})
		}
	}
}

// TestPublishOnceRefused has no room for a request: the next try finds nothing in
// its way.
func TestPublishOnceRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := startCloud(quiet(t.Context()), t, newMemoryLog(), nil)
		if !c.httpRoom.TryAcquire(httpBudget) {
			t.Fatal("no room at first")
		}
		if _, err := c.PublishOnce(t.Context(), "me", requestKey(1), bothClasses()); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		c.httpRoom.Release(httpBudget)
		if _, err := c.PublishOnce(t.Context(), "me", requestKey(1), bothClasses()); err != nil {
			t.Error(err)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestRequestIndex forgets the oldest of too many, and what the log has lost.
func TestRequestIndex(t *testing.T) {
	t.Parallel()
	var x requestIndex
	key := func(n int) RequestKey { return RequestKey{Request: [16]byte{byte(n), byte(n >> 8), byte(n >> 16)}} }
	at := time.Unix(1000, 0)
	forgotten := 0
	for n := range maxRequests + 10 {
		forgotten += x.add(key(n), dataplane.RT, requestPart{1, uint64(n + 1), uint64(n + 1)}, at)
	}
	if forgotten != 10 || len(x.kept) != maxRequests || len(x.at) != maxRequests || x.find(key(9).Request, at) != nil || x.find(key(10).Request, at) == nil {
		t.Errorf("%d forgotten, %d kept, want 10 and %d", forgotten, len(x.kept), maxRequests)
	}
	x.forget(dataplane.RT, 20)
	if got := x.find(key(30).Request, at); *got.part(dataplane.RT) != (requestPart{}) {
		t.Errorf("behind the end: got %+v", got)
	}
	if got := x.find(key(15).Request, at); got.part(dataplane.RT).first != 16 {
		t.Errorf("before the end: got %+v", got)
	}
	if forgotten := x.add(key(1), dataplane.BT, requestPart{1, 1, 1}, at.Add(keyTime)); forgotten != 0 || len(x.kept) != 1 || len(x.at) != 1 {
		t.Errorf("a day later: %d forgotten, %d kept and %d found, want 0, 1 and 1", forgotten, len(x.kept), len(x.at))
	}
}

// TestPublishKey reads the header.
func TestPublishKey(t *testing.T) {
	t.Parallel()
	of := func(who Identity, body string, values ...string) (id [16]byte, hash string, err error) {
		r, _ := http.NewRequest(http.MethodPost, "/publish", strings.NewReader(body))
		for _, v := range values {
			r.Header.Add(keyHeader, v)
		}
		id, sum, err := keyOf(r, who)
		if sum != nil {
			buf := make([]byte, 100)
			n, _ := r.Body.Read(buf)
			hash = fmt.Sprintf("%s %x", buf[:n], sum.Sum(nil))
		}
		return id, hash, err
	}
	if _, hash, err := of("me", "x"); hash != "" || err != nil {
		t.Errorf("without a key: got %q, %v", hash, err)
	}
	one, hash, err := of("me", "x", `"k 1"`)
	if err != nil || !strings.HasPrefix(hash, "x 2d7116") {
		t.Errorf("got %q, %v, want the hash of x", hash, err)
	}
	if plain, _, _ := of("me", "y", "k 1"); plain != one {
		t.Error("a key without quotes is another one")
	}
	if others, _, _ := of("you", "x", "k 1"); others == one {
		t.Error("two callers have one key")
	}
	for _, test := range []struct {
		values []string
		want   string
	}{
		{[]string{""}, `"", of 0 bytes: want 1 to 255`},
		{[]string{`""`}, `"", of 0 bytes: want 1 to 255`},
		{[]string{"é"}, "printable ASCII"},
		{[]string{strings.Repeat("k", 300)}, `kkk", of 300 bytes: want 1 to 255 printable ASCII characters`},
		{[]string{"a", "b"}, "is given 2 times: want it once"},
	} {
		if _, _, err := of("me", "x", test.values...); err == nil || !strings.HasPrefix(err.Error(), keyHeader) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.9q: got %v, want it to name the header and say %s", test.values, err, test.want)
		}
	}
}

// TestAPIPublishOnce gives keys over HTTP: the body is part of what is asked for
// as it is, and a key that makes no sense is refused.
func TestAPIPublishOnce(t *testing.T) {
	s := startService(t, nil)
	tests := []struct {
		name, key, body string
		status          int
		problem         string
	}{
		{"first", "k", `{"topic":"a","value":1}`, 202, ""},
		{"again", "k", `{"topic":"a","value":1}`, 202, ""},
		{"again, in quotes", `"k"`, `{"topic":"a","value":1}`, 202, ""},
		{"another body", "k", `{"topic":"a","value":1} `, 422, "key-reused"},
		{"another key", "l", `{"topic":"a","value":2}`, 202, ""},
		{"empty", `""`, `{"topic":"a","value":2}`, 400, "invalid-request"},
		{"wrong body", "m", `{"topic":"a"}`, 400, "invalid-request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.do(t, "POST", "/publish", tt.body, keyHeader, tt.key)
			if got.status != tt.status || !strings.Contains(got.body, tt.problem) {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, tt.status, tt.problem)
			}
		})
	}
}
