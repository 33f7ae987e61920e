package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// sentBatch is a batch as a receiver reads it.
type sentBatch struct {
	ID, Subscription, From, To string
	Count                      int
	Covers                     []batchCover
	Missing                    []batchMissing
	Messages                   []dataplane.Message
}

// batchReceiver takes time to answer, and fails now and then, before it has what
// was sent or behind it.
type batchReceiver struct {
	mu     sync.Mutex
	random *rand.Rand
	ids    []string // of batches, in the order in which they came first
	bodies map[string][]byte
	alarms map[string]bool
	failed map[string]int // tries, by id
	wrong  []string
}

func newBatchReceiver(seed uint64) *batchReceiver {
	return &batchReceiver{random: rand.New(rand.NewPCG(seed, 0)), bodies: make(map[string][]byte), alarms: make(map[string]bool), failed: make(map[string]int)}
}

func (r *batchReceiver) Send(ctx context.Context, q *webhook.Request) (webhook.Outcome, error) {
	o, wait := r.take(q)
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return o, ctx.Err()
}

func (r *batchReceiver) take(q *webhook.Request) (o webhook.Outcome, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	retry := webhook.Outcome{Verdict: webhook.Retry, Reason: "as the test wants"}
	wait = time.Duration(r.random.IntN(200)) * time.Millisecond
	fails := r.random.IntN(5) == 0 && r.failed[q.ID] < 2 // once more, and it would be a dead letter
	if fails {
		r.failed[q.ID]++
	}
	if fails && r.random.IntN(2) == 0 {
		return retry, wait
	}
	switch before, known := r.bodies[q.ID]; {
	case !strings.HasPrefix(q.ID, "bat_"):
		r.alarms[q.ID] = true
	case !known:
		r.ids = append(r.ids, q.ID)
		r.bodies[q.ID] = bytes.Clone(q.Body)
	case !bytes.Equal(before, q.Body):
		r.wrong = append(r.wrong, fmt.Sprintf("%s:\n%s\n%s", q.ID, before, q.Body))
	}
	if fails { // and it cannot say so
		return retry, wait
	}
	return webhook.Outcome{Verdict: webhook.Done}, wait
}

// batches returns what came.
func (r *batchReceiver) batches(t *testing.T) []sentBatch {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]sentBatch, len(r.ids))
	for i, id := range r.ids {
		if err := json.Unmarshal(r.bodies[id], &all[i]); err != nil || all[i].ID != id {
			t.Fatalf("%s: %v: %.300s", id, err, r.bodies[id])
		}
	}
	return all
}

// TestBatchesOverCrashes kills cloudsvc while it delivers batches, at any time:
// each id always has the same body, and together, in the order in which they came
// first, batches are the messages of the log, each once.
func TestBatchesOverCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { batchesOverCrashes(t, rand.New(rand.NewPCG(seed, 0))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func batchesOverCrashes(t *testing.T, random *rand.Rand) {
	packer := newTestPacker(t) // in the bubble: its channels are
	log, store := newMemoryLog(), newMemoryHooks()
	receiver := newBatchReceiver(random.Uint64())
	limits := &BatchLimits{
		MaxCount: 1 + random.IntN(20), MaxBytes: minBatchBytes << random.IntN(4),
		MaxWait: time.Duration(random.IntN(3)*random.IntN(3000)) * time.Millisecond,
	}
	b := startHooksTo(t, log, store, receiver)
	b.create(t, func(h *Hook) { h.Batch, h.MaxInFlight = limits, 1+random.IntN(3) })
	traffic := newTraffic(random)
	for range 150 {
		b.publishBatch(t, packer, traffic.batch(dataplane.BT, random.IntN(2)))
		if random.IntN(10) == 0 {
			b.publishBatch(t, packer, traffic.batch(dataplane.RT, 0))
		}
		if random.IntN(5) == 0 {
			store.failNext(random.IntN(4))
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		if random.IntN(10) == 0 {
			store = store.clone()
			b.stop()
			b = startHooksTo(t, log, store, receiver)
		}
	}
	time.Sleep(time.Hour)
	b.stop()
	if len(receiver.wrong) > 0 || len(store.letters) > 0 {
		t.Errorf("%d letters are dead; sent twice and not the same: %s", len(store.letters), strings.Join(receiver.wrong, "\n"))
	}
	var got []string
	for _, sent := range receiver.batches(t) {
		checkBatch(t, &sent, limits)
		for _, m := range sent.Messages {
			got = append(got, m.ID.String())
		}
	}
	want := allLines(t, log)
	if ids := idsOf(want[dataplane.BT]); !slices.Equal(got, ids) {
		t.Errorf("%d messages in batches, want %d, each once and in order", len(got), len(ids))
	}
	if len(receiver.alarms) != len(want[dataplane.RT]) {
		t.Errorf("%d messages of RT, want %d", len(receiver.alarms), len(want[dataplane.RT]))
	}
}

func idsOf(lines []loggedLine) (ids []string) {
	for _, l := range lines {
		ids = append(ids, l.ID)
	}
	return ids
}

// checkBatch holds what a batch says of itself to what it has.
func checkBatch(t *testing.T, b *sentBatch, limits *BatchLimits) {
	t.Helper()
	counts := make(map[batchSeries]uint64)
	for i := range b.Messages {
		counts[seriesOf(&b.Messages[i])]++
	}
	for _, c := range b.Covers {
		key := batchSeries{c.Publisher, c.Namespace, c.Topic, c.Device}
		if c.Count != counts[key] || c.To-c.From+1 != c.Count {
			t.Errorf("batch %s: %+v, want %d messages without a hole", b.ID, c, counts[key])
		}
		delete(counts, key)
	}
	if len(counts) > 0 || len(b.Missing) > 0 || b.Count != len(b.Messages) || b.Count == 0 || b.Count > limits.MaxCount {
		t.Errorf("batch %s of %d: %d series not covered, missing %+v", b.ID, b.Count, len(counts), b.Missing)
	}
}

// A traffic makes what nodes publish, without a hole.
type traffic struct {
	random *rand.Rand
	first  map[laneKey]uint64
	seqs   map[batchSeries]uint64
}

func newTraffic(random *rand.Rand) *traffic {
	return &traffic{random: random, first: make(map[laneKey]uint64), seqs: make(map[batchSeries]uint64)}
}

// batch returns some messages of a node.
func (f *traffic) batch(class dataplane.Class, node int) *dataplane.Batch {
	lane := laneKey{fmt.Sprintf("edge-%d/mapper", node), class}
	made := &dataplane.Batch{Publisher: lane.publisher, Class: class, Epoch: 1, First: f.first[lane] + 1}
	for range 1 + f.random.IntN(8) {
		m := testMessage("sensor/a")
		m.ID.Publisher, m.Class, m.Device = lane.publisher, class, fmt.Sprint("d", f.random.IntN(3))
		m.Value = dataplane.StringValue(strings.Repeat("x", f.random.IntN(300)))
		key := seriesOf(&m)
		if class == dataplane.RT {
			key.device += " of RT"
		}
		f.seqs[key]++
		m.Seq = f.seqs[key]
		made.Messages = append(made.Messages, m)
	}
	f.first[lane] = made.Last()
	return made
}

// composed is a line of the log for a composer, at an index of block 1.
func composed(t *testing.T, index uint32, m dataplane.Message) *hookLine {
	t.Helper()
	line, err := readHookLine(&dataplane.MessageReader{}, bytes.TrimSuffix(appendLine(nil, &m, Position{Incarnation: 9, BT: Place{1, index}}), []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func testBatch(t *testing.T, limits BatchLimits, mark *batchMark) *hookBatch {
	t.Helper()
	d := newTestDispatcher()
	d.position.BT = endOf(2)
	b, err := newHookBatch(d, &Hook{ID: "sub_1", Topic: "#", Batch: &limits}, Position{Incarnation: 9}, mark)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns the batch of a letter.
func (l *letter) read(t *testing.T) (b sentBatch) {
	t.Helper()
	if err := json.Unmarshal(l.body, &b); err != nil {
		t.Fatalf("%v: %s", err, l.body)
	}
	return b
}

func TestBatchLimits(t *testing.T) {
	t.Parallel()
	message := func(n uint64, size int) dataplane.Message {
		m := testMessage("a")
		m.Seq, m.Value = n, dataplane.StringValue(strings.Repeat("x", size))
		return m
	}
	for name, tt := range map[string]struct {
		limits BatchLimits
		sizes  []int // of the messages
		after  time.Duration
		want   []int // messages of each batch
	}{
		"count":             {BatchLimits{2, 1 << 20, time.Hour}, []int{1, 1, 1, 1, 1}, 0, []int{2, 2}},
		"bytes":             {BatchLimits{9, 4096, time.Hour}, []int{1000, 1000, 1000, 1000}, 0, []int{2}},
		"one large message": {BatchLimits{9, 1024, time.Hour}, []int{9000, 1, 9000}, 0, []int{1, 1, 1}},
		"wait":              {BatchLimits{9, 1 << 20, time.Minute}, []int{1, 1, 1}, time.Minute, []int{3}},
		"not long enough":   {BatchLimits{9, 1 << 20, time.Minute}, []int{1, 1, 1}, time.Minute - 1, nil},
		"no wait":           {BatchLimits{9, 1 << 20, 0}, []int{1, 1, 1}, 0, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testBatch(t, tt.limits, nil)
			var got []int
			send := func(now time.Time) bool {
				l, err := b.next(now)
				if err != nil {
					t.Fatal(err)
				}
				if l == nil {
					return false
				}
				got = append(got, l.read(t).Count)
				b.finish(l)
				return true
			}
			for i, size := range tt.sizes {
				for !b.takes() {
					send(testTime)
				}
				_ = b.add(composed(t, uint32(i), message(uint64(i+1), size)), testTime)
			}
			for send(testTime.Add(tt.after)) {
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("batches of %v, want %v", got, tt.want)
			}
		})
	}
}

// A batch tells of the gaps that fell into it, and of jumps that nobody told.
func TestBatchTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := testBatch(t, defaultBatch(), nil)
	message := func(epoch, seq uint64) dataplane.Message {
		m := testMessage("a")
		m.ID.Epoch, m.ID.Seq, m.Seq = epoch, seq, seq
		return m
	}
	told := Gap{
		ID:   dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.BT, Line: 1, Epoch: 1, Seq: 2, Through: 3},
		Loss: dataplane.Loss{Publisher: "edge-1/mapper", Namespace: "default", Topic: "a", Device: "d", From: 2, To: 3, Count: 2, Reason: "the spool was full"},
		Time: testTime,
	}
	for i, m := range []dataplane.Message{message(1, 1), told.message(), message(1, 4), message(1, 7), message(2, 100)} {
		_ = b.add(composed(t, uint32(i), m), testTime)
	}
	l, err := b.next(testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	got := l.read(t)
	want := []batchMissing{
		{"edge-1/mapper", "default", "a", "d", 2, 3, 2, "the spool was full"},
		{"edge-1/mapper", "default", "a", "d", 5, 6, 2, jumpReason},
	}
	if !slices.Equal(got.Missing, want) {
		t.Errorf("missing %+v, want %+v", got.Missing, want)
	}
	if len(got.Covers) != 1 || got.Covers[0].From != 1 || got.Covers[0].To != 100 || got.Covers[0].Count != 4 {
		t.Errorf("covers %+v, want 4 messages from 1 to 100", got.Covers)
	}
}

// A batch that was sent is made again with what the log still has of it, and says
// what it has no more.
func TestBatchIsMadeAgain(t *testing.T) {
	t.Parallel()
	message := func(n uint64) dataplane.Message {
		m := testMessage("a")
		m.Seq = n
		return m
	}
	end := Position{Incarnation: 9, BT: Place{1, 4}}
	lost := logGap(9, dataplane.BT, 1, 1, "gone")
	for name, tt := range map[string]struct {
		mark   batchMark
		seqs   []uint64 // of the messages, which is their index; 0: the gap instead
		pass   bool
		counts []int
		same   bool // the first one has the id of the one sent
	}{
		"all there":           {batchMark{Topic: "#", To: end.String()}, []uint64{1, 2, 3, 4, 5, 6}, false, []int{4, 2}, true},
		"its beginning lost":  {batchMark{Topic: "#", To: end.String()}, []uint64{3, 4, 5}, false, []int{2, 1}, true},
		"its end lost":        {batchMark{Topic: "#", To: end.String()}, []uint64{1, 2, 5}, false, []int{2, 1}, true},
		"nothing comes":       {batchMark{Topic: "#", To: end.String()}, []uint64{1, 2}, true, []int{2}, true},
		"all lost":            {batchMark{Topic: "#", To: end.String()}, []uint64{0, 5}, false, []int{0, 1}, true},
		"of another topic":    {batchMark{Topic: "a", To: end.String()}, []uint64{1, 2, 3, 4, 5, 6}, false, []int{6}, false},
		"none was sent":       {batchMark{Topic: "#", Since: testTime}, []uint64{1, 2, 3, 4, 5, 6}, false, []int{6}, false},
		"log lost its end":    {batchMark{Topic: "#", To: Position{Incarnation: 9, BT: endOf(3)}.String()}, []uint64{1, 2, 3}, false, []int{3}, false},
		"of another log":      {batchMark{Topic: "#", To: Position{Incarnation: 8, BT: Place{1, 4}}.String()}, []uint64{1, 2, 3}, false, []int{3}, false},
		"one of RT was there": {batchMark{Topic: "#", To: Position{Incarnation: 9, RT: endOf(77), BT: Place{1, 4}}.String()}, []uint64{1, 2, 3, 4}, false, []int{4}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testBatch(t, defaultBatch(), &tt.mark)
			sent := b.id(Position{Incarnation: 9}.String(), tt.mark.To)
			var got []int
			for _, seq := range tt.seqs {
				line := composed(t, uint32(seq), message(seq))
				if seq == 0 {
					line = composed(t, lastIndex, lost.message())
				}
				if !b.takes() {
					got = append(got, b.mustNext(t, sent, tt.same))
				}
				_ = b.add(line, testTime)
			}
			if tt.pass {
				b.pass(Position{Incarnation: 9, BT: endOf(1)}, true, testTime)
			}
			for len(got) < len(tt.counts) {
				got = append(got, b.mustNext(t, sent, tt.same && len(got) == 0))
			}
			if !slices.Equal(got, tt.counts) {
				t.Errorf("batches of %v, want %v", got, tt.counts)
			}
		})
	}
}

// mustNext returns how many messages the next batch has, and checks whether its id
// is a certain one.
func (b *hookBatch) mustNext(t *testing.T, id string, want bool) int {
	t.Helper()
	l, err := b.next(later(testTime, b.due()))
	if err != nil || l == nil {
		t.Fatalf("next: %v, %v, want a batch", l, err)
	}
	if (l.id == id) != want {
		t.Errorf("id %s, want that it is %s: %v", l.id, id, want)
	}
	b.finish(l)
	got := l.read(t)
	if got.Count == 0 && len(got.Missing) == 0 {
		t.Errorf("batch %s has nothing and tells of nothing", l.id)
	}
	return got.Count
}

func TestParseBatchLimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`: `{"maxCount":1000,"maxBytes":262144,"maxWait":"5s"}`,
		`{"maxCount":1,"maxBytes":"512Ki","maxWait":"1h"}`: `{"maxCount":1,"maxBytes":524288,"maxWait":"1h0m0s"}`,
		`{"maxBytes":"2048","maxWait":"0s"}`:               `{"maxCount":1000,"maxBytes":2048,"maxWait":"0s"}`,
		`{"maxCount":0}`:                                   "maxCount 0: want 1 to 10000",
		`{"maxCount":"ten"}`:                               `maxCount "ten": want a whole number`,
		`{"maxBytes":"1Mi"}`:                               "maxBytes 1048576: want 1024 to 524288, which is 512Ki",
		`{"maxBytes":"1Zi"}`:                               `maxBytes "1Zi": want a size in bytes such as 262144, 256Ki or 1Gi`,
		`{"maxBytes":[]}`:                                  "maxBytes is a JSON array: want a string",
		`{"maxWait":"2h"}`:                                 "maxWait 2h0m0s: want 0s to 1h0m0s",
		`{"maxWait":5}`:                                    "maxWait is a JSON number: want a string",
		`{"maxwait":"5s"}`:                                 `"maxwait" is no known field: want maxWait`,
		`[]`:                                               "batch is a JSON array: want an object",
	} {
		limits, err := ParseBatchLimits([]byte(text))
		got, _ := json.Marshal(limits)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "262144": 262144, "256Ki": 256 << 10, "3Mi": 3 << 20, "1Gi": 1 << 30, "8Ti": 8 << 40, "8388608Ti": -1,
		"": -1, "Ki": -1, "1K": -1, "1iM": -1, "-1": -1, "1.5Gi": -1, "9223372036854775807": 9223372036854775807,
	} {
		got, err := ParseSize(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}
