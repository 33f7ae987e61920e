package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"datastub/dataplane"
)

// A loggedLine is one line that the log holds, as a subscriber should get it.
type loggedLine struct {
	ID    string
	Topic string
	class dataplane.Class
	at    Place
}

// allLines returns what is in a log, by class in order.
func allLines(t testing.TB, log *memoryLog) map[dataplane.Class][]loggedLine {
	t.Helper()
	packer := newTestPacker(t)
	all := make(map[dataplane.Class][]loggedLine)
	for _, class := range dataplane.Classes {
		for n, raw := range log.all(class) {
			p := newPastBlock(uint64(n+1), time.Unix(0, 0), raw)
			b, err := p.unpack(packer)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range b.lines(0, b.len()) {
				all[class] = append(all[class], loggedLine{line.message.ID.String(), line.message.Topic, class, Place{b.seq, i}})
			}
		}
	}
	return all
}

// behindOf returns the lines of a class that are behind a place and match.
func behindOf(all []loggedLine, place Place, filter dataplane.Filter) (ids []string) {
	for _, l := range all {
		if l.at.after(place) && filter.Match(l.Topic) {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// had is what a subscriber has had: ids by class, in order.
type had struct {
	ids      map[dataplane.Class][]string
	gaps     []dataplane.Loss
	position Position
}

func (h *had) take(t testing.TB, queue [][]byte) {
	t.Helper()
	for _, line := range splitLines(queue) {
		_, id, _ := strings.Cut(line, `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		_, place, _ := strings.Cut(line, `"position":"`)
		place, _, _ = strings.Cut(place, `"`)
		at, err := ParsePosition(place)
		if err != nil {
			t.Error(err)
		}
		h.position = at
		if strings.HasPrefix(id, logPublisher) {
			var m dataplane.Message
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			loss, _ := m.Loss()
			h.gaps = append(h.gaps, loss)
			continue
		}
		class := dataplane.RT
		if strings.Contains(line, `"class":"BT"`) {
			class = dataplane.BT
		}
		h.ids[class] = append(h.ids[class], id)
	}
}

// follow takes what comes until there is a number of lines of each class.
func follow(ctx context.Context, t testing.TB, s *Subscription, want map[dataplane.Class]int) *had {
	t.Helper()
	h := &had{ids: make(map[dataplane.Class][]string), position: s.Position()}
	for len(h.ids[dataplane.RT]) < want[dataplane.RT] || len(h.ids[dataplane.BT]) < want[dataplane.BT] {
		queue, err := s.Next(ctx)
		if err != nil {
			t.Errorf("after %d and %d lines of %v: %v", len(h.ids[dataplane.RT]), len(h.ids[dataplane.BT]), want, err)
			return h
		}
		h.take(t, queue)
	}
	return h
}

// replayBlock makes a block of a class with messages of random topics, and
// puts it into the log.
func replayBlock(t testing.TB, log *memoryLog, packer *dataplane.Packer, random *rand.Rand, class dataplane.Class, next map[dataplane.Class]uint64) *storedBlock {
	t.Helper()
	b := &Block{Class: class}
	topics := map[uint64]bool{}
	for range 1 + random.IntN(2) {
		batch := &dataplane.Batch{Publisher: "edge-1/m", Class: class, Epoch: 1, First: next[class]}
		for range 1 + random.IntN(300) {
			m := testMessage(fmt.Sprintf("t/%d", random.IntN(5)))
			batch.Messages = append(batch.Messages, m)
			topics[b.Key.hash(m.Namespace, m.Topic)] = true
		}
		data, err := packer.Pack(batch)
		if err != nil {
			t.Fatal(err)
		}
		next[class] = batch.Last() + 1
		b.Ranges = append(b.Ranges, Range{Publisher: "edge-1/m", Epoch: 1, First: batch.First, Last: batch.Last()})
		b.Frames = append(b.Frames, dataplane.AppendFrame(nil, data))
	}
	for hash := range topics {
		b.Topics = append(b.Topics, hash)
	}
	slices.Sort(b.Topics)
	seq, err := log.Append(t.Context(), class, 0, b.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	parsed := newPastBlock(seq, time.Now(), log.all(class)[seq-1])
	stored, err := parsed.unpack(packer)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// TestJoinUnderLoad has subscribers join at random positions while blocks of
// both classes are routed: each gets exactly the lines behind its position, of
// each class in order, of all classes or of some.
func TestJoinUnderLoad(t *testing.T) {
	t.Parallel()
	const before, during, joiners = 20, 40, 20
	log := newMemoryLog()
	packer := newTestPacker(t)
	random := rand.New(rand.NewPCG(1, 2))
	next := map[dataplane.Class]uint64{dataplane.RT: 1, dataplane.BT: 1}
	for n := range before {
		replayBlock(t, log, packer, random, dataplane.Classes[n%2], next)
	}
	d := dispatcherOn(log, Position{Incarnation: 7, RT: endOf(before / 2), BT: endOf(before / 2)}, prometheus.NewRegistry())
	var blocks [len(dataplane.Classes) + 1][]*storedBlock
	for n := range during {
		class := dataplane.Classes[n%2]
		blocks[class] = append(blocks[class], replayBlock(t, log, packer, random, class, next))
	}
	all := allLines(t, log)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	var running sync.WaitGroup
	for _, class := range dataplane.Classes {
		running.Go(func() {
			for _, b := range blocks[class] {
				d.Deliver(class, b.seq, b.messages, b.gaps)
				<-time.After(time.Millisecond)
			}
		})
	}
	for n := range joiners {
		running.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(n)))
			joinAt(ctx, t, d, all, random)
		})
	}
	running.Wait()
}

// joinAt subscribes at a random position that has been reached, resumes once at
// where it came to, and checks that it has all behind it.
func joinAt(ctx context.Context, t testing.TB, d *Dispatcher, all map[dataplane.Class][]loggedLine, random *rand.Rand) {
	t.Helper()
	<-time.After(time.Duration(random.IntN(30)) * time.Millisecond)
	filter, _ := dataplane.ParseFilter([]string{"#", "t/3", "t/+", "t/0"}[random.IntN(4)])
	classes := [][]dataplane.Class{nil, {dataplane.RT}, {dataplane.BT}, {dataplane.RT, dataplane.BT}}[random.IntN(4)]
	reached := d.reached()
	at := Position{Incarnation: 7}
	for _, class := range dataplane.Classes {
		place := all[class][random.IntN(len(all[class]))].at
		if place.after(reached.place(class)) {
			place = reached.place(class)
		}
		at.advance(class, place)
	}
	want, counts := make(map[dataplane.Class][]string), make(map[dataplane.Class]int)
	for _, class := range dataplane.Classes {
		if len(classes) > 0 && !slices.Contains(classes, class) {
			continue
		}
		want[class] = behindOf(all[class], at.place(class), filter)
		counts[class] = len(want[class]) / 2
	}
	got := make(map[dataplane.Class][]string)
	for range 2 {
		s, err := d.SubscribeFrom(ctx, filter, Start{After: at}, classes...)
		if err != nil {
			t.Error(err)
			return
		}
		h := follow(ctx, t, s, counts)
		s.Close()
		if len(h.gaps) > 0 {
			t.Errorf("behind %+v: gaps %+v", at, h.gaps)
		}
		for _, class := range dataplane.Classes { // of what it did not subscribe to, it has none
			if len(want[class]) > 0 {
				at.advance(class, h.position.place(class))
			}
		}
		at.Incarnation = h.position.Incarnation
		for _, class := range dataplane.Classes {
			got[class] = append(got[class], h.ids[class]...)
			counts[class] = len(want[class]) - len(got[class])
		}
	}
	for _, class := range dataplane.Classes {
		if !slices.Equal(got[class], want[class]) {
			t.Errorf("%v %v: got %d lines, want %d", filter, class, len(got[class]), len(want[class]))
		}
	}
}

// TestRTDoesNotWaitForBT has a log that does not give its BT for now: what comes
// of RT meanwhile is had at once, and BT when it is there.
func TestRTDoesNotWaitForBT(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	packer := newTestPacker(t)
	random := rand.New(rand.NewPCG(1, 2))
	next := map[dataplane.Class]uint64{dataplane.RT: 1, dataplane.BT: 1}
	replayBlock(t, log, packer, random, dataplane.BT, next)
	bt := len(allLines(t, log)[dataplane.BT])
	answers := make(chan struct{})
	log.read = func(ctx context.Context, class dataplane.Class) error {
		if class == dataplane.RT {
			return nil
		}
		select {
		case <-answers:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d := dispatcherOn(log, Position{Incarnation: 7, BT: endOf(1)}, prometheus.NewRegistry())
	filter, _ := dataplane.ParseFilter("#")
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	left, err := d.SubscribeFrom(ctx, filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close() // while the log does not answer
	s, err := d.SubscribeFrom(ctx, filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var running sync.WaitGroup
	running.Go(func() { follow(ctx, t, left, map[dataplane.Class]int{dataplane.RT: 2}) })
	for block := range uint64(2) {
		d.Deliver(dataplane.RT, block+1, []dataplane.Message{testMessage("a")}, nil)
		if h := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 1}); len(h.ids[dataplane.RT]) != 1 || len(h.ids[dataplane.BT]) != 0 {
			t.Errorf("got %d lines of RT and %d of BT, want 1 of RT", len(h.ids[dataplane.RT]), len(h.ids[dataplane.BT]))
		}
	}
	running.Wait()
	close(answers)
	if h := follow(ctx, t, s, map[dataplane.Class]int{dataplane.BT: bt}); len(h.ids[dataplane.BT]) != bt {
		t.Errorf("got %d lines of BT, want %d", len(h.ids[dataplane.BT]), bt)
	}
}

// TestCloseWhileFetching ends a subscription whose log does not answer.
func TestCloseWhileFetching(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	asked := make(chan struct{})
	log.read = func(ctx context.Context, _ dataplane.Class) error {
		close(asked)
		<-ctx.Done()
		return ctx.Err()
	}
	d := dispatcherOn(log, Position{Incarnation: 7, BT: endOf(1)}, prometheus.NewRegistry())
	filter, _ := dataplane.ParseFilter("#")
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	s, err := d.SubscribeFrom(ctx, filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		<-asked
		d.Close()
	}()
	var cutOff *CutOffError
	if lines, err := s.Next(ctx); !errors.As(err, &cutOff) {
		t.Errorf("got %d lines, %v, want that it was cut off", len(lines), err)
	}
}

// TestReplayThatFails has a log that cannot be read for a while: that is logged,
// not all the time, and then the subscriber gets what it wants.
func TestReplayThatFails(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		next := map[dataplane.Class]uint64{dataplane.RT: 1, dataplane.BT: 1}
		replayBlock(t, log, packer, rand.New(rand.NewPCG(1, 2)), dataplane.RT, next)
		mended := time.Now().Add(3 * complainEvery / 2)
		log.read = func(context.Context, dataplane.Class) error {
			if time.Now().Before(mended) {
				return errors.New("no answer")
			}
			return nil
		}
		d := dispatcherOn(log, Position{Incarnation: 7, RT: endOf(1)}, prometheus.NewRegistry())
		filter, _ := dataplane.ParseFilter("#")
		var lines lineLog
		ctx := klog.NewContext(t.Context(), lines.logger())
		s, err := d.SubscribeFrom(ctx, filter, Start{Earliest: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		want := len(allLines(t, log)[dataplane.RT])
		follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: want})
		if got := lines.matching("no answer"); len(got) != 2 {
			t.Errorf("logged %q, want it twice", got)
		}
	})
}

// TestTrimmedAgain has limits take all that a subscriber has not had, and again
// after it was live: it is told of both.
func TestTrimmedAgain(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	packer := newTestPacker(t)
	random := rand.New(rand.NewPCG(1, 2))
	next := map[dataplane.Class]uint64{dataplane.RT: 1, dataplane.BT: 1}
	d := dispatcherOn(log, Position{Incarnation: 7}, prometheus.NewRegistry())
	route := func() {
		b := replayBlock(t, log, packer, random, dataplane.RT, next)
		b.trail = trail{since: 1, marks: []trailMark{{0, 0, b.seq}}}
		b.weight = maxRing // nothing else is kept
		d.route(dataplane.RT, b)
	}
	route()
	d.recent[dataplane.RT] = ring{}
	log.gone[dataplane.RT] = 1
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	filter, _ := dataplane.ParseFilter("#")
	s, err := d.SubscribeFrom(ctx, filter, Start{After: Position{Incarnation: 7}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.limit(1)
	h := had{ids: make(map[dataplane.Class][]string)}
	for want := range 2 {
		for len(h.gaps) <= want {
			queue, err := s.Next(ctx)
			if err != nil {
				t.Fatalf("%v, and told of %+v, want %d gaps", err, h.gaps, want+1)
			}
			h.take(t, queue)
		}
		if joined, _ := d.join(s); !joined {
			t.Fatal("the subscriber is not live")
		}
		for range 3 { // of which it has room for one
			route()
		}
		log.gone[dataplane.RT] = d.reached().RT.Block
		d.recent[dataplane.RT] = ring{}
	}
}

// TestReplayTrimmed subscribes at what the log's limits have taken, at another
// log's position and at one behind the end.
func TestReplayTrimmed(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	packer := newTestPacker(t)
	random := rand.New(rand.NewPCG(1, 2))
	next := map[dataplane.Class]uint64{dataplane.RT: 1, dataplane.BT: 1}
	for range 10 {
		replayBlock(t, log, packer, random, dataplane.RT, next)
	}
	all := allLines(t, log)[dataplane.RT]
	log.gone[dataplane.RT] = 4
	end := Position{Incarnation: 7, RT: endOf(10)}
	filter, _ := dataplane.ParseFilter("#")
	tests := map[string]struct {
		start Start
		from  Place  // of the lines
		gap   uint64 // From of the gap; 0: none
	}{
		"trimmed":         {Start{After: Position{Incarnation: 7, RT: endOf(2)}}, endOf(4), 3},
		"trimmed in part": {Start{After: Position{Incarnation: 7, RT: Place{4, 0}}}, endOf(4), 4},
		"not trimmed":     {Start{After: Position{Incarnation: 7, RT: endOf(4)}}, endOf(4), 0},
		"earliest":        {Start{Earliest: true}, endOf(4), 0},
		"since ever":      {Start{Since: time.Unix(1, 0)}, endOf(4), 1},
		"another log":     {Start{After: Position{Incarnation: 8, RT: endOf(9)}}, endOf(4), 10},
		"behind the end":  {Start{After: Position{Incarnation: 7, RT: endOf(12)}}, endOf(10), 11},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			d := dispatcherOn(log, end, prometheus.NewRegistry())
			s, err := d.SubscribeFrom(ctx, filter, tt.start)
			if err != nil {
				t.Fatal(err)
			}
			want := behindOf(all, tt.from, filter)
			h := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: len(want)})
			if len(want) == 0 {
				queue, err := s.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				h.take(t, queue)
			}
			if !slices.Equal(h.ids[dataplane.RT], want) {
				t.Errorf("got %d lines, want %d", len(h.ids[dataplane.RT]), len(want))
			}
			if (tt.gap == 0) != (len(h.gaps) == 0) || tt.gap > 0 && h.gaps[0].From != tt.gap {
				t.Errorf("got gaps %+v, want one from %d", h.gaps, tt.gap)
			}
		})
	}
}
