package natslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// reader is a subscriber that leaves now and then, and comes back behind what
// it has had.
type reader struct {
	random *rand.Rand
	start  cloudsvc.Start
	last   map[dataplane.Class]int64 // the value had last: they are 1, 2, 3 …
	slow   bool
}

// read takes from a cloud until a class has come to a value, or it leaves, and
// tells which.
func (r *reader) read(ctx context.Context, t testing.TB, d *cloudsvc.Dispatcher, upTo map[dataplane.Class]int64) (all bool) {
	t.Helper()
	filter, err := dataplane.ParseFilter("#")
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.SubscribeFrom(ctx, filter, r.start)
	if err != nil {
		t.Error(err)
		return true
	}
	defer s.Close()
	for takes := 1 + r.random.IntN(4); r.last[dataplane.RT] < upTo[dataplane.RT] || r.last[dataplane.BT] < upTo[dataplane.BT]; takes-- {
		if takes == 0 {
			return false
		}
		queue, err := s.Next(ctx)
		if err != nil {
			t.Errorf("behind %v of %v: %v", r.last, upTo, err)
			return true
		}
		if r.slow {
			<-time.After(20 * time.Millisecond)
		}
		for line := range bytes.Lines(bytes.Join(queue, nil)) {
			r.take(t, line)
		}
	}
	return true
}

func (r *reader) take(t testing.TB, line []byte) {
	t.Helper()
	var m struct {
		Class    string
		Value    json.Number
		Position string
	}
	if err := json.Unmarshal(line, &m); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	class, err := dataplane.ParseClass(m.Class)
	value, err2 := m.Value.Int64()
	start, err3 := cloudsvc.ParseAfter(m.Position)
	if err := errors.Join(err, err2, err3); err != nil || value != r.last[class]+1 {
		t.Errorf("%v: %d behind %d, %v", class, value, r.last[class], err)
	}
	r.last[class], r.start = value, start
}

// TestResumeOverRestarts has several hundred subscribers that leave and come
// back at random, one of them slow, while both classes are published and
// cloudsvc is started again, one time without its marks: each gets each message
// once, in order.
func TestResumeOverRestarts(t *testing.T) {
	t.Parallel()
	const subscribers, rounds, perRound = 200, 3, 40
	dir := t.TempDir()
	readers := make([]*reader, subscribers)
	for n := range readers {
		readers[n] = &reader{
			random: rand.New(rand.NewPCG(1, uint64(n))), last: make(map[dataplane.Class]int64), slow: n == 0,
			start: cloudsvc.Start{Earliest: true},
		}
	}
	published := map[dataplane.Class]int64{}
	for round := range rounds {
		c := startCloud(t, Options{Dir: dir})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		upTo := map[dataplane.Class]int64{}
		for _, class := range dataplane.Classes {
			upTo[class] = published[class] + 3*perRound
		}
		var running sync.WaitGroup
		running.Go(func() {
			for range perRound {
				publishThree(ctx, t, c, published)
			}
		})
		for _, r := range readers {
			running.Go(func() {
				for !r.read(ctx, t, c.Dispatcher(), upTo) {
				}
			})
		}
		running.Wait()
		cancel()
		c.end(t)
		if round == 0 {
			loseMarks(t, dir)
		}
	}
}

// loseMarks deletes the marks of a log that nobody has open.
func loseMarks(t testing.TB, dir string) {
	t.Helper()
	l := openFolder(t, dir)
	defer l.Close()
	if err := l.js.DeleteKeyValue(t.Context(), marksBucket); err != nil {
		t.Error(err)
	}
}

// publishThree publishes the next three values of each class.
func publishThree(ctx context.Context, t testing.TB, c *cloud, published map[dataplane.Class]int64) {
	var messages []dataplane.Message
	for _, class := range dataplane.Classes {
		for range 3 {
			published[class]++
			messages = append(messages, dataplane.Message{
				Topic: "a", Namespace: "default", Device: "d", Class: class, Value: dataplane.IntValue(published[class]), Time: time.Now(),
			})
		}
	}
	if _, err := c.Publish(ctx, "anonymous", messages); err != nil {
		t.Error(err)
	}
}
