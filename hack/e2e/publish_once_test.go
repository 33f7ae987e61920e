package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// A persistent publishes requests with keys, each until it is answered.
type persistent struct {
	client *client.Client

	failed atomic.Int64 // tries

	mu    sync.Mutex
	asked map[string]request // by key
}

// A request is what a key stands for.
type request struct {
	messages []dataplane.Message
	ids      []dataplane.ID // nil: it was not answered
}

// newRequest returns a request with messages of both classes, whose values nobody else
// publishes.
func newRequest(turn int) []dataplane.Message {
	messages := make([]dataplane.Message, 3)
	for i := range messages {
		messages[i] = dataplane.Message{
			Topic: "once", Class: dataplane.Classes[i%2], Time: time.Unix(1, 0).UTC(), Value: dataplane.IntValue(int64(3*turn + i)),
		}
	}
	return messages
}

// publish publishes a request until it is answered, or ctx ends.
func (p *persistent) publish(ctx context.Context, turn int) {
	const retry = 5 * time.Millisecond
	key, messages := rand.Text(), newRequest(turn)
	p.note(key, request{messages: messages})
	for ctx.Err() == nil {
		if ids, err := p.client.PublishOnce(ctx, key, messages...); err == nil {
			p.note(key, request{messages, ids})
			return
		}
		p.failed.Add(1)
		pass(ctx, retry)
	}
}

// untold returns how many requests are not answered of which something is stored.
func (p *persistent) untold(stored []dataplane.Message) (n int) {
	values := make(map[string]bool)
	for _, m := range stored {
		values[m.Value.String()] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.asked {
		if r.ids == nil && slices.ContainsFunc(r.messages, func(m dataplane.Message) bool { return values[m.Value.String()] }) {
			n++
		}
	}
	return n
}

func (p *persistent) note(key string, r request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[key] = r
}

// TestPublishOnce kills cloudsvc while requests to publish come, which are sent
// again under their keys: what is answered is stored once, and once more asked for
// has the same ids, also where it was stored and nobody was told.
func TestPublishOnce(t *testing.T) {
	const publishers, deaths = 4, 8
	s := stack.New(t)
	c, err := client.New(client.Options{Server: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p := &persistent{client: c, asked: make(map[string]request)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var publishing sync.WaitGroup
	for n := range publishers {
		publishing.Go(func() {
			for turn := n; ctx.Err() == nil; turn += publishers {
				p.publish(ctx, turn)
			}
		})
	}
	untold := 0
	for range deaths {
		pass(ctx, 50*time.Millisecond+mathrand.N(200*time.Millisecond)) // any moment will do
		s.Cloudsvc.Kill()
		untold += p.untold(logged(t, s))
		s.StartCloudsvc()
	}
	stop()
	publishing.Wait()

	for key, r := range p.asked { // also what was given up
		ids, err := c.PublishOnce(t.Context(), key, r.messages...)
		if err != nil || r.ids != nil && !slices.Equal(ids, r.ids) {
			t.Fatalf("once more: got %v, %v, want %v", ids, err, r.ids)
		}
		p.asked[key] = request{r.messages, ids}
	}
	for key, r := range p.asked {
		_, err := c.PublishOnce(t.Context(), key, r.messages[0])
		if problem := new(client.Problem); !errors.As(err, &problem) || problem.Status != http.StatusUnprocessableEntity {
			t.Errorf("with another body: got %v, want 422", err)
		}
		break
	}
	s.Cloudsvc.Stop()
	checkStoredOnce(t, p.asked, logged(t, s))
	t.Logf("%d requests, %d tries failed, %d were stored and not answered", len(p.asked), p.failed.Load(), untold)
	if p.failed.Load() == 0 {
		t.Error("no try failed: nothing was killed while it was asked")
	}
}

// checkStoredOnce fails unless the log has what was asked for, once and under its ids.
func checkStoredOnce(t *testing.T, asked map[string]request, got []dataplane.Message) {
	t.Helper()
	values := make(map[dataplane.ID]string)
	for _, m := range got {
		values[m.ID] = m.Value.String()
	}
	want := 0
	for _, r := range asked {
		for i, id := range r.ids {
			want++
			if value := r.messages[i].Value.String(); values[id] != value {
				t.Errorf("%v has %q in the log, want %q", id, values[id], value)
			}
		}
	}
	stored := slices.DeleteFunc(got, func(m dataplane.Message) bool { return m.Topic != "once" })
	if len(stored) != want {
		t.Errorf("%d messages were stored, want %d", len(stored), want)
	}
}
