package window

import (
	"cmp"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

// plainWindow is a window as it is by its definition, of the whole log at once.
type plainWindow struct {
	publisher     string
	start, end    int64
	lines         []int // of the log, that are in it
	closed        int   // the line that closed it
	late, untimed uint64
	losses        []dataplane.Loss
}

// silenced are publishers that were found idle before a line of the log.
type silenced map[int][]string

// plainWindows returns the windows that close in a log, by publisher, in the order
// in which they do.
func plainWindows(log []line, spec Spec, idle silenced) []*plainWindow {
	publishers := map[string][]int{}
	for i := range log {
		publishers[log[i].publisher()] = append(publishers[log[i].publisher()], i)
	}
	var all []*plainWindow
	for publisher, lines := range publishers {
		all = append(all, plainWindowsOf(log, spec, publisher, lines, idle)...)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return cmp.Or(strings.Compare(a.publisher, b.publisher), cmp.Compare(a.end, b.end)) < 0
	})
	return all
}

func (l *line) publisher() string {
	if l.loss != nil {
		return l.loss.Publisher
	}
	return l.m.ID.Publisher
}

func plainWindowsOf(log []line, spec Spec, publisher string, lines []int, idle silenced) (closed []*plainWindow) {
	size, slide := int64(spec.Size), int64(spec.Slide)
	open := map[int64]*plainWindow{}
	var told plainWindow
	var high *int64
	isClosed := func(end int64) bool { return high != nil && end <= *high-int64(spec.Lateness) }
	shut := func(i int) {
		var now []*plainWindow
		for start, w := range open {
			if isClosed(w.end) {
				w.closed = i
				now = append(now, w)
				delete(open, start)
			}
		}
		sort.Slice(now, func(a, b int) bool { return now[a].end < now[b].end })
		if len(now) > 0 {
			now[0].late, now[0].untimed, now[0].losses = told.late, told.untimed, told.losses
			told = plainWindow{}
		}
		closed = append(closed, now...)
	}
	next := 0 // line of the log up to which it is known who is idle
	rest := func(upTo int) {
		for ; next <= upTo; next++ {
			if slices.Contains(idle[next], publisher) {
				for _, w := range open {
					end := max(*high, w.end+int64(spec.Lateness))
					high = &end
				}
				shut(next - 1)
			}
		}
	}
	for _, i := range lines {
		rest(i)
		if log[i].loss != nil {
			told.losses = append(told.losses, *log[i].loss)
			continue
		}
		m := &log[i].m
		if strings.Contains(string(m.Quality), "ahead") {
			told.untimed++
			continue
		}
		t := m.Time.UnixNano()
		late := true
		for start := t - (t%slide+slide)%slide; start > t-size; start -= slide {
			if isClosed(start + size) {
				continue
			}
			late = false
			if open[start] == nil {
				open[start] = &plainWindow{publisher: publisher, start: start, end: start + size}
			}
			open[start].lines = append(open[start].lines, i)
		}
		if late {
			told.late++
			continue
		}
		if high == nil || t > *high {
			high = &t
		}
		shut(i)
	}
	rest(len(log))
	return closed
}

// jumps returns what is missing in a series behind a message of the window.
func (w *plainWindow) jumps(log []line, key seriesKey, first int) (all []span) {
	last, epoch := uint64(0), uint64(0)
	for i := 0; i <= w.closed; i++ {
		l := &log[i]
		if l.publisher() != w.publisher {
			continue
		}
		if l.loss != nil {
			if (seriesKey{l.loss.Namespace, l.loss.Topic, l.loss.Device}) == key {
				last = l.loss.To
			}
			continue
		}
		if (seriesKey{l.m.Namespace, l.m.Topic, l.m.Device}) != key {
			continue
		}
		if i > first && l.m.Seq > last+1 && l.m.ID.Epoch == epoch {
			all = append(all, span{last + 1, l.m.Seq - 1})
		}
		last, epoch = l.m.Seq, l.m.ID.Epoch
	}
	return all
}

// check holds what was delivered to the window.
func (w *plainWindow) check(t *testing.T, log []line, spec Spec, got *body) {
	t.Helper()
	if got.Publisher != w.publisher || got.Window.Start.UnixNano() != w.start || got.Window.End.UnixNano() != w.end {
		t.Fatalf("got the window %+v of %s, want %v of %s", got.Window, got.Publisher, time.Unix(0, w.start).UTC(), w.publisher)
	}
	if got.Late != w.late || got.Untimed != w.untimed {
		t.Errorf("%d late, %d untimed: want %d, %d", got.Late, got.Untimed, w.late, w.untimed)
	}
	rows := map[cellKey][]*dataplane.Message{}
	type seen struct {
		covered
		first int
	}
	series := map[seriesKey]*seen{}
	for _, i := range w.lines {
		m := &log[i].m
		key := cellKey{namespace: m.Namespace, unit: m.Unit, typ: m.Value.Type()}
		for _, d := range []struct {
			by   Dimensions
			from string
			to   *string
		}{{Topic, m.Topic, &key.topic}, {Device, m.Device, &key.device}, {Property, m.Property, &key.property}} {
			if spec.By&d.by != 0 {
				*d.to = d.from
			}
		}
		rows[key] = append(rows[key], m)
		s := series[seriesKey{m.Namespace, m.Topic, m.Device}]
		if s == nil {
			s = &seen{covered{m.Namespace, m.Topic, m.Device, m.Seq, m.Seq, 0}, i}
			series[seriesKey{m.Namespace, m.Topic, m.Device}] = s
		}
		s.From, s.To, s.Count = min(s.From, m.Seq), max(s.To, m.Seq), s.Count+1
	}
	if len(got.Rows) != len(rows) || len(got.Covers) != len(series) {
		t.Fatalf("%d rows, %d covers: want %d, %d", len(got.Rows), len(got.Covers), len(rows), len(series))
	}
	for i := range got.Rows {
		r := &got.Rows[i]
		typ, _ := dataplane.ParseType(r.Type)
		checkRow(t, spec, r, rows[cellKey{r.Namespace, r.Topic, r.Device, r.Property, r.Unit, typ}])
	}
	var want []missing
	for i := range w.losses {
		l := &w.losses[i]
		want = append(want, missing{l.Publisher, l.Namespace, l.Topic, l.Device, l.From, l.To, l.Count, l.Reason})
	}
	for _, c := range got.Covers {
		s := series[seriesKey{c.Namespace, c.Topic, c.Device}]
		if s == nil || s.covered != c {
			t.Fatalf("covers %+v, want %+v", c, s)
		}
		for _, j := range w.jumps(log, seriesKey{c.Namespace, c.Topic, c.Device}, s.first) {
			want = append(want, missing{w.publisher, c.Namespace, c.Topic, c.Device, j.from, j.to, j.to - j.from + 1, jumpReason})
		}
	}
	if uint64(len(want)) != uint64(len(got.Missing))+got.Unlisted || got.Unlisted == 0 && !slices.Equal(want, got.Missing) {
		t.Errorf("missing %+v\nwant    %+v", got.Missing, want)
	}
}

// checkRow holds a row to its messages.
func checkRow(t *testing.T, spec Spec, r *row, messages []*dataplane.Message) {
	t.Helper()
	var good []*dataplane.Message
	for _, m := range messages {
		if !strings.HasPrefix(string(m.Quality), "bad") && m.Value.Finite() {
			good = append(good, m)
		}
	}
	if count := uint64(len(good)); r.Bad != uint64(len(messages)-len(good)) || (r.Count == nil) != (spec.Functions&Count == 0) || r.Count != nil && *r.Count != count {
		t.Errorf("row %+v: want %d, and %d bad", r, count, len(messages)-len(good))
	}
	least, greatest, total, absolute := "null", "null", new(big.Rat), new(big.Rat)
	var low, high *big.Rat
	for _, m := range good {
		x := exact(m.Value)
		if x == nil {
			continue
		}
		if low == nil || x.Cmp(low) < 0 {
			low, least = x, m.Value.String()
		}
		if high == nil || x.Cmp(high) > 0 {
			high, greatest = x, m.Value.String()
		}
		total.Add(total, x)
		absolute.Add(absolute, new(big.Rat).Abs(x))
	}
	slices.SortStableFunc(good, func(a, b *dataplane.Message) int { return a.Time.Compare(b.Time) })
	first, last := "null", "null"
	if n := len(good); n > 0 {
		first, last = shown(good[0].Value), shown(good[n-1].Value)
	}
	for _, f := range []struct {
		function  Functions
		got, want string
	}{{Min, string(r.Min), least}, {Max, string(r.Max), greatest}, {First, string(r.First), first}, {Last, string(r.Last), last}} {
		if spec.Functions&f.function == 0 {
			f.want = ""
		}
		if f.got != f.want {
			t.Errorf("row %+v: %v is %.80s, want %.80s", r, namesOf(uint8(f.function), functionNames), f.got, f.want)
		}
	}
	n := int64(len(good))
	checkSum(t, spec.Functions&Sum != 0, r.Type, string(r.Sum), low != nil, total, absolute, n)
	if n > 0 {
		share := big.NewRat(1, n)
		checkSum(t, spec.Functions&Avg != 0, r.Type, string(r.Avg), low != nil, total.Mul(total, share), absolute.Mul(absolute, share), n)
	}
}

// checkSum holds a sum or an average to the bound that doc.go gives.
func checkSum(t *testing.T, asked bool, typ, got string, some bool, want, absolute *big.Rat, n int64) {
	t.Helper()
	if !asked || !some {
		if got != "" && asked != (got == "null") {
			t.Errorf("got %s, want nothing", got)
		}
		return
	}
	if typ != "float" && typ != "double" {
		f, _ := want.Float64()
		if exact := want.RatString(); got != exact && got != string(dataplane.DoubleValue(f).AppendJSON(nil)) {
			t.Errorf("got %s, want %s exactly", got, exact)
		}
		return
	}
	x, ok := new(big.Rat).SetString(got)
	if !ok {
		t.Fatalf("got %s, want %s", got, want.FloatString(20))
	}
	u := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 53))
	bound := new(big.Rat).Mul(new(big.Rat).Abs(want), new(big.Rat).Mul(u, big.NewRat(3, 1))) // of an average, once more
	bound.Add(bound, new(big.Rat).Mul(absolute, new(big.Rat).Mul(big.NewRat(4*n*n, 1), u.Mul(u, u))))
	if x.Sub(x, want).Abs(x).Cmp(bound) > 0 {
		t.Errorf("got %s, want %s: %s off", got, want.FloatString(20), x.FloatString(30))
	}
}

// exact returns a value as a number, nil for texts.
func exact(v dataplane.Value) *big.Rat {
	if f, ok := v.Number(); ok && v.Type() != dataplane.Int {
		return new(big.Rat).SetFloat64(f)
	}
	if b, ok := v.Bool(); ok {
		return big.NewRat(map[bool]int64{true: 1}[b], 1)
	}
	x, ok := new(big.Rat).SetString(v.String())
	if _, text := v.Text(); text || !ok {
		return nil
	}
	return x
}

func shown(v dataplane.Value) string {
	if text, ok := v.Text(); ok {
		if len(text) > 1024 {
			return "null"
		}
		return strconv.Quote(text)
	}
	return v.String()
}
