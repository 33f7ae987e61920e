package hostile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"datastub/hack/stack"
)

// TestCloudSubscribers has cloudsvc serve 5,000 subscribers at once, and then
// some that never read.
func TestCloudSubscribers(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	t.Run("5,000 at once", s.manySubscribers)
	t.Run("who never reads", s.deafSubscribers)
	s.holds(2500)
}

// manySubscribers gives one message to each, and finds cloudsvc as it was when
// they have left.
func (s *siege) manySubscribers(t *testing.T) {
	const many = 5000
	before := s.metric(t, "go_goroutines")
	var clients []*client
	for range many {
		clients = append(clients, dial(t, s.HTTP).send(post("/subscribe", `{"topic":"all"}`)))
	}
	for _, c := range clients {
		c.header(http.StatusOK)
	}
	dial(t, s.HTTP).send(post("/publish", `{"topic":"all","value":"the one message"}`)).want(202, "ids")
	var had atomic.Int64
	var readers sync.WaitGroup
	for _, c := range clients {
		readers.Go(func() {
			_, _ = c.r.ReadString('\n') // the chunk's size
			if line, err := c.r.ReadString('\n'); err == nil && strings.Contains(line, `"the one message"`) {
				had.Add(1)
			}
			_ = c.conn.Close()
		})
	}
	readers.Wait()
	if had.Load() != many {
		t.Errorf("%d of %d subscribers had the message", had.Load(), many)
	}
	stack.Eventually(t, "the subscribers' goroutines have ended", func() bool { return s.metric(t, "go_goroutines") < before+100 })
	s.flows("after 5,000 subscribers")
}

// deafSubscribers publishes to those who never read. They fall behind and go on
// from the log, until cloudsvc has written nothing to them for 15 s: then they are
// cut off.
func (s *siege) deafSubscribers(t *testing.T) {
	const cutOff = "datastub_cloudsvc_cut_off_subscriptions_total"
	const many = 10
	before := s.metric(t, cutOff)
	for range many {
		c := dial(t, s.HTTP)
		_ = c.conn.SetReadBuffer(4 << 10)
		c.send(post("/subscribe", `{"topic":"loud"}`))
	}
	noise := make([]byte, 700<<10)
	random := rand.NewChaCha8([32]byte{})
	publisher := dial(t, s.HTTP)
	stack.Eventually(t, "those who never read are cut off", func() bool {
		_, _ = random.Read(noise)
		publisher.send(post("/publish", `{"topic":"loud","type":"bytes","value":"`+base64.StdEncoding.EncodeToString(noise)+`"}`)).want(202, "ids")
		return s.metric(t, cutOff) == before+many
	})
	s.flows("beside subscribers that never read")
}

// metric returns a metric of cloudsvc without labels.
func (s *siege) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	resp, err := http.Get(s.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := bytes.Cut(text, []byte("\n"+name+" "))
	if _, err := fmt.Sscan(string(line), &value); !found || err != nil {
		t.Fatalf("metric %s: %v in\n%s", name, err, text)
	}
	return value
}
