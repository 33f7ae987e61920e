package ledger

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"datastub/dataplane"
)

// say is one thing that a log says: records, a gap or an end.
type say struct {
	epoch    uint64
	from, to uint64
	kind     byte // 'r', 'g', 'e' for a certain end with to, 'u' for one that is not
}

func laneOf(said ...say) *Lane {
	l := new(Lane)
	for _, s := range said {
		switch s.kind {
		case 'g':
			l.Lost(s.epoch, Gap{Span{s.from, s.to}, "full"})
		case 'e', 'u':
			e := End{Last: s.to}
			if s.kind == 'u' {
				e.Unknown, e.Reason = true, "power was lost"
			}
			l.Ended(s.epoch, e)
		default:
			l.Stored(s.epoch, Span{s.from, s.to})
		}
	}
	return l
}

func TestProve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		said  []say
		known Known
		want  []Epoch // without what is compared apart
	}{
		{
			name: "a certain end", said: []say{{7, 1, 5, 'r'}, {7, 6, 9, 'r'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Proven, Stored: 9}},
		},
		{
			name: "lost, and told", said: []say{{7, 1, 5, 'r'}, {7, 6, 8, 'g'}, {7, 9, 9, 'r'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Proven, Stored: 6, Lost: 3}},
		},
		{
			name: "an end that nobody knows", said: []say{{7, 1, 5, 'r'}, {7, 6, 5, 'u'}, {8, 1, 1, 'r'}}, known: Known{Online: true, Epoch: 8, Last: 4},
			want: []Epoch{
				{Epoch: 7, Verdict: Unproven, Stored: 5, Detail: "nobody knows what was accepted behind 5: power was lost"},
				{Epoch: 8, Verdict: Open, Stored: 1, OnTheWay: 3},
			},
		},
		{
			name: "an epoch of which nothing is there", said: []say{{7, 1, 0, 'u'}},
			want: []Epoch{{Epoch: 7, Verdict: Unproven, Detail: "nobody knows what was accepted behind 0: power was lost"}},
		},
		{
			name: "no end is told", said: []say{{7, 1, 5, 'r'}, {8, 1, 2, 'r'}},
			want: []Epoch{
				{Epoch: 7, Verdict: Unproven, Stored: 5, Detail: "the end was not told"},
				{Epoch: 8, Verdict: Unproven, Stored: 2, Detail: "the publisher is not online, and has not told the end"},
			},
		},
		{
			name: "another epoch has begun", said: []say{{7, 1, 5, 'r'}}, known: Known{Online: true, Epoch: 8},
			want: []Epoch{{Epoch: 7, Verdict: Unproven, Stored: 5, Detail: "the end is not told yet, though epoch 8 has begun"}},
		},
		{
			name: "an epoch of which nothing is stored yet", said: []say{{7, 1, 5, 'r'}, {7, 6, 5, 'e'}}, known: Known{Online: true, Epoch: 8, Last: 4},
			want: []Epoch{{Epoch: 7, Verdict: Proven, Stored: 5}, {Epoch: 8, Verdict: Open, OnTheWay: 4}},
		},
		{
			name: "nothing is stored at all", known: Known{Epoch: 8, Last: 4},
			want: []Epoch{{Epoch: 8, Verdict: Unproven, OnTheWay: 4, Detail: "the publisher is not online, and has not told the end"}},
		},
		{
			name: "nothing that was accepted is in the log any more", known: Known{Epoch: 8, Last: 4, Trimmed: true},
			want: []Epoch{},
		},
		{
			name: "cloudsvc numbers it", said: []say{{7, 1, 5, 'r'}, {8, 1, 2, 'r'}}, known: Known{Numbered: true},
			want: []Epoch{{Epoch: 7, Verdict: Proven, Stored: 5}, {Epoch: 8, Verdict: Proven, Stored: 2}},
		},
		{
			name: "a hole", said: []say{{7, 2, 5, 'r'}, {7, 8, 9, 'r'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Missing, Stored: 6, Missing: Spans{{1, 1}, {6, 7}}, Detail: "3 neither stored nor told to be lost: 1, 6-7"}},
		},
		{
			name: "less than was accepted", said: []say{{7, 1, 5, 'r'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Missing, Stored: 5, Missing: Spans{{6, 9}}, Detail: "4 neither stored nor told to be lost: 6-9"}},
		},
		{
			name: "the beginning is trimmed", said: []say{{7, 6, 9, 'r'}, {7, 10, 9, 'e'}, {8, 2, 3, 'r'}}, known: Known{Trimmed: true, Online: true},
			want: []Epoch{
				{Epoch: 7, Verdict: Proven, Stored: 4, Trimmed: 5},
				{Epoch: 8, Verdict: Missing, Stored: 2, Missing: Spans{{1, 1}}, Detail: "1 neither stored nor told to be lost: 1"},
			},
		},
		{
			name: "all but the end is trimmed", said: []say{{7, 10, 9, 'e'}}, known: Known{Trimmed: true},
			want: []Epoch{{Epoch: 7, Verdict: Proven, Trimmed: 9}},
		},
		{
			name: "twice", said: []say{{7, 1, 5, 'r'}, {7, 4, 9, 'r'}, {7, 9, 9, 'g'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Twice, Stored: 9, Lost: 1, Twice: Spans{{4, 5}, {9, 9}}, Detail: "3 stored twice: 4-5, 9"}},
		},
		{
			name: "late", said: []say{{7, 1, 2, 'r'}, {7, 6, 9, 'r'}, {7, 3, 5, 'r'}, {7, 10, 9, 'e'}},
			want: []Epoch{{Epoch: 7, Verdict: Late, Stored: 9, Late: Spans{{3, 5}}, Detail: "3 stored behind what was accepted after them: 3-5"}},
		},
		{
			name: "records behind the end make it none", said: []say{{7, 1, 2, 'r'}, {7, 3, 2, 'e'}, {7, 3, 3, 'r'}, {8, 1, 1, 'r'}}, known: Known{Online: true},
			want: []Epoch{{Epoch: 7, Verdict: Unproven, Stored: 3, Detail: "the end was not told"}, {Epoch: 8, Verdict: Open, Stored: 1}},
		},
		{
			name: "the log was not read to its end", said: []say{{7, 1, 2, 'r'}}, known: Known{Online: true, Cut: true, Epoch: 7, Last: 9},
			want: []Epoch{{Epoch: 7, Verdict: Unproven, Stored: 2, Detail: "the log was not read to its end"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := laneOf(tt.said...).Prove(tt.known)
			for i := range got {
				if got[i].Stored != got[i].Ranges.Len() {
					t.Errorf("%d stored, %v", got[i].Stored, got[i].Ranges)
				}
				got[i].Ranges, got[i].Gaps, got[i].End, got[i].Accepted = nil, nil, nil, nil
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
}

// TestProveFindsEachHarm makes logs of epochs that are whole, which are proven,
// and then takes out, doubles or moves one entry of them: that is found, and
// named exactly.
func TestProveFindsEachHarm(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var whole []say
		next := uint64(1)
		for range 3 + rng.IntN(10) {
			s := say{7, next, next + rng.Uint64N(20), "rrg"[rng.IntN(3)]}
			whole = append(whole, s)
			next = s.to + 1
		}
		end := say{7, next, next - 1, 'e'}
		if e := laneOf(append(slices.Clone(whole), end)...).Prove(Known{})[0]; e.Verdict != Proven || e.Stored+e.Lost != next-1 || *e.Accepted != next-1 {
			t.Fatalf("%v: %+v, want it proven", whole, e)
		}
		at := rng.IntN(len(whole))
		harmed := Spans{{whole[at].from, whole[at].to}}
		out := append(slices.Delete(slices.Clone(whole), at, at+1), end)
		if e := laneOf(out...).Prove(Known{})[0]; e.Verdict != Missing || !reflect.DeepEqual(e.Missing, harmed) {
			t.Fatalf("%v without %v: %+v", whole, harmed, e)
		}
		if e := laneOf(append(slices.Insert(slices.Clone(whole), at, whole[at]), end)...).Prove(Known{})[0]; e.Verdict != Twice || !reflect.DeepEqual(e.Twice, harmed) {
			t.Fatalf("%v with %v twice: %+v", whole, harmed, e)
		}
		if at == len(whole)-1 {
			continue
		}
		moved := append(slices.Delete(slices.Clone(whole), at, at+1), whole[at], end)
		if e := laneOf(moved...).Prove(Known{})[0]; e.Verdict != Late || !reflect.DeepEqual(e.Late, harmed) {
			t.Fatalf("%v with %v late: %+v", whole, harmed, e)
		}
	}
}

// TestSpans holds them against a set.
func TestSpans(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var ss Spans
		set := make(map[uint64]bool)
		for range rng.IntN(20) {
			from := 1 + rng.Uint64N(60)
			s := Span{from, from + rng.Uint64N(8)}
			ss.Add(s)
			for n := s.From; n <= s.To; n++ {
				set[n] = true
			}
		}
		from := 1 + rng.Uint64N(60)
		window := Span{from, from + rng.Uint64N(30)}
		var within, missing uint64
		for n := window.From; n <= window.To; n++ {
			if set[n] {
				within++
			} else {
				missing++
			}
		}
		if ss.Len() != uint64(len(set)) || ss.Within(window).Len() != within || ss.Missing(window).Len() != missing {
			t.Fatalf("%v in %v: got %d, %d, %d, want %d, %d, %d", ss, window, ss.Len(), ss.Within(window).Len(), ss.Missing(window).Len(), len(set), within, missing)
		}
		for i := 1; i < len(ss); i++ {
			if ss[i].From <= ss[i-1].To+1 {
				t.Fatalf("%v are not apart", ss)
			}
		}
	}
}

// received takes ids in, in order; each series is the lane.
func received(t *testing.T, ids ...string) *Received {
	t.Helper()
	r := NewReceived()
	for _, text := range ids {
		id, err := dataplane.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(&dataplane.Message{ID: id, Seq: id.Epoch*1000 + id.Seq})
	}
	return r
}

func TestReceived(t *testing.T) {
	t.Parallel()
	lane := laneOf(say{7, 1, 5, 'r'}, say{7, 6, 8, 'g'}, say{7, 9, 10, 'r'}, say{7, 11, 10, 'u'}, say{8, 1, 3, 'r'})
	lane.Event(8, Span{1, 1})
	stored := &Ledger{Accounts: []Account{{Publisher: "e/m", Class: dataplane.RT, Epochs: lane.Prove(Known{Online: true})}}}
	all := "e/m/RT/7/3 e/m/RT/7/4 e/m/RT/7/5 e/m/RT/7/6-8.1 e/m/RT/7/6-8.2 e/m/RT/7/9 e/m/RT/7/10 e/m/RT/7/11-.1 e/m/RT/8/2 e/m/RT/8/3"
	for _, tt := range []struct{ name, got, want string }{
		{"all", all, ""},
		{"none", "", ""},
		{"one is missing", strings.Replace(all, "e/m/RT/7/5 ", "", 1), "not delivered: e/m/RT/7/5"},
		{"one is missing behind a gap", strings.Replace(all, "e/m/RT/7/9 e/m/RT/7/10 ", "", 1), "not delivered: e/m/RT/7/9-10"},
		{"one came twice", strings.Replace(all, "e/m/RT/7/5 ", "e/m/RT/7/5 e/m/RT/7/5 ", 1), "delivered twice: e/m/RT/7/5"},
		{"the gap is missing", strings.Replace(all, "e/m/RT/7/6-8.1 e/m/RT/7/6-8.2 ", "", 1), "lost and not told: e/m/RT/7/6-8"},
		{"the gap came twice", all + " e/m/RT/7/6-8.2", "delivered twice: e/m/RT/7/6-8"},
		{"one came late", strings.Replace(all, "e/m/RT/7/4 e/m/RT/7/5 ", "e/m/RT/7/5 e/m/RT/7/4 ", 1), "delivered out of order: e/m/RT/7/4"},
		{"one is not stored", all + " e/m/RT/8/4", "delivered, not stored: e/m/RT/8/4"},
		{"a publisher is not known", all + " x/m/RT/8/4", "delivered, not stored: x/m/RT/8/4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := received(t, strings.Fields(tt.got)...)
			var got []string
			for _, f := range r.Check(stored) {
				id := dataplane.ID{Publisher: f.Publisher, Class: f.Class, Epoch: f.Epoch}
				got = append(got, string(f.Kind)+": "+strings.TrimSuffix(id.String(), "0")+f.String())
			}
			if strings.Join(got, ", ") != tt.want || r.Count() != len(strings.Fields(tt.got)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReceivedWatchesSeries(t *testing.T) {
	t.Parallel()
	r := NewReceived()
	for n, seq := range []uint64{5, 7, 6} {
		r.Add(&dataplane.Message{ID: dataplane.ID{Publisher: "e/m", Class: dataplane.RT, Epoch: 7, Seq: uint64(n + 1)}, Topic: "a", Seq: seq})
	}
	stored := laneOf(say{7, 1, 3, 'r'}).Prove(Known{})
	faults := r.Check(&Ledger{Accounts: []Account{{Publisher: "e/m", Class: dataplane.RT, Epochs: stored}}})
	if len(faults) != 1 || faults[0].Kind != OutOfOrder || faults[0].From != 3 {
		t.Errorf("got %+v, want the third out of order", faults)
	}
}

// TestReceivedKnowsHowFarTheLogWasRead: what retention took, or what was not
// read, may well have been stored.
func TestReceivedKnowsHowFarTheLogWasRead(t *testing.T) {
	t.Parallel()
	got := []string{"e/m/RT/6/9", "e/m/RT/7/2", "e/m/RT/7/3", "e/m/RT/7/5", "x/m/RT/1/1"}
	lane := laneOf(say{7, 3, 4, 'r'})
	for _, tt := range []struct {
		name   string
		log    Reading
		faults []string
	}{
		{"all", Reading{First: 1, Last: 9, Read: 9}, []string{"RT/6/9", "RT/7/2", "RT/7/4", "RT/7/5", "RT/1/1"}},
		{"the beginning is trimmed", Reading{First: 2, Last: 9, Read: 9}, []string{"RT/7/4", "RT/7/5"}},
		{"the end was not read", Reading{First: 1, Last: 9, Read: 8}, []string{"RT/7/4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			known := Known{Trimmed: tt.log.Trimmed(), Cut: !tt.log.Complete()}
			l := &Ledger{
				Accounts: []Account{{Publisher: "e/m", Class: dataplane.RT, Epochs: lane.Prove(known)}},
				Log:      map[dataplane.Class]Reading{dataplane.RT: tt.log},
			}
			var faults []string
			for _, f := range received(t, got...).Check(l) {
				faults = append(faults, fmt.Sprintf("%v/%d/%v", f.Class, f.Epoch, f.Span))
			}
			if !reflect.DeepEqual(faults, tt.faults) {
				t.Errorf("got %v, want %v", faults, tt.faults)
			}
		})
	}
}

// TestHoles is a log that has let go of blocks from between others: what is
// missing across a hole is trimmed, and what is missing elsewhere is missing.
func TestHoles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tell             func(l *Lane)
		known            Known
		trimmed, missing uint64
		onTheWay         uint64
	}{
		"between":       {func(l *Lane) { l.Stored(1, Span{1, 3}); l.Hole(); l.Stored(1, Span{6, 7}) }, Known{}, 2, 0, 0},
		"elsewhere":     {func(l *Lane) { l.Hole(); l.Stored(1, Span{1, 3}); l.Stored(1, Span{6, 7}); l.Hole() }, Known{}, 0, 2, 0},
		"both":          {func(l *Lane) { l.Stored(1, Span{1, 3}); l.Hole(); l.Stored(1, Span{6, 7}); l.Stored(1, Span{9, 9}) }, Known{}, 2, 1, 0},
		"the beginning": {func(l *Lane) { l.Hole(); l.Stored(1, Span{6, 7}) }, Known{}, 5, 0, 0},
		"before a gap":  {func(l *Lane) { l.Stored(1, Span{1, 3}); l.Hole(); l.Lost(1, Gap{Span: Span{6, 7}}) }, Known{}, 2, 0, 0},
		"before an end": {func(l *Lane) { l.Stored(1, Span{1, 3}); l.Hole(); l.Ended(1, End{Last: 7}) }, Known{}, 4, 0, 0},
		"the end":       {func(l *Lane) { l.Stored(1, Span{1, 3}); l.Hole() }, Known{Online: true, Epoch: 1, Last: 5}, 2, 0, 0},
		"on the way":    {func(l *Lane) { l.Hole(); l.Stored(1, Span{1, 3}) }, Known{Online: true, Epoch: 1, Last: 5}, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l Lane
			tt.tell(&l)
			e := l.Prove(tt.known)[0]
			if e.Trimmed != tt.trimmed || e.Missing.Len() != tt.missing || e.OnTheWay != tt.onTheWay {
				t.Errorf("got %d trimmed, %v missing, %d on the way, want %d, %d and %d", e.Trimmed, e.Missing, e.OnTheWay, tt.trimmed, tt.missing, tt.onTheWay)
			}
		})
	}
	var gone Lane
	gone.Hole()
	if epochs := gone.Prove(Known{Epoch: 3, Last: 5}); len(epochs) != 0 {
		t.Errorf("of an epoch that is gone as a whole: got %+v, want nothing", epochs)
	}
}
