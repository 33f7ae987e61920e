package load

import (
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
)

var began = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// arrivals has one message of one device for each sequence, a millisecond
// apart, and each read a millisecond before.
func arrivals(seqs ...uint64) []Arrival {
	var all []Arrival
	for n, seq := range seqs {
		at := began.Add(time.Duration(n) * time.Millisecond)
		all = append(all, Arrival{
			ID:     dataplane.ID{Publisher: "edge/load", Class: dataplane.RT, Epoch: 7, Seq: seq},
			Series: "device-000", Seq: 1000 + seq, Time: at.Add(-time.Millisecond), At: at,
		})
	}
	return all
}

func TestTally(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		seqs []uint64
		want Result
	}{
		"all":            {[]uint64{1, 2, 3, 4}, Result{Received: 4}},
		"first missing":  {[]uint64{2, 3}, Result{Received: 2, Missing: 1}},
		"one missing":    {[]uint64{1, 3, 4}, Result{Received: 3, Missing: 1, Broken: 1}},
		"one twice":      {[]uint64{1, 2, 2, 3}, Result{Received: 4, Duplicates: 1}},
		"two exchanged":  {[]uint64{1, 3, 2, 4}, Result{Received: 4, OutOfOrder: 1, Broken: 3}},
		"nothing at all": {nil, Result{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tally := NewTally()
			for _, a := range arrivals(tt.seqs...) {
				tally.Add(a)
			}
			got := tally.Cut()
			if complete := tt.want.Missing+tt.want.Duplicates+tt.want.OutOfOrder+tt.want.Broken == 0; got.Complete() != complete {
				t.Errorf("complete: %v, want %v", got.Complete(), complete)
			}
			got.First, got.Last, got.P50, got.P99, got.Max = time.Time{}, time.Time{}, 0, 0, 0
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestTallyGap has what a gap tells of be missing all the same.
func TestTallyGap(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	all := arrivals(1, 2, 5)
	all[1].ID.Through, all[1].ID.Line = 4, 1
	for _, a := range all {
		tally.Add(a)
	}
	if got := tally.Cut(); got.Received != 2 || got.Missing != 3 || got.Duplicates != 0 {
		t.Errorf("got %+v, want 2 received and 3 missing", got)
	}
}

// TestTallyCut counts anew, but knows what is missing from before.
func TestTallyCut(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	all := arrivals(1, 2, 4, 5, 6)
	for _, a := range all[:3] {
		tally.Add(a)
	}
	tally.Cut()
	for _, a := range all[3:] {
		tally.Add(a)
	}
	got := tally.Cut()
	want := Result{Received: 2, Missing: 1, First: all[3].At, Last: all[4].At, P50: time.Millisecond, P99: time.Millisecond, Max: time.Millisecond}
	got.P50, got.P99, got.Max = got.P50.Round(10*time.Microsecond), got.P99.Round(10*time.Microsecond), got.Max.Round(10*time.Microsecond)
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if tally.Received() != 5 {
		t.Errorf("received %d, want 5", tally.Received())
	}
}

// TestTallyEpoch takes a publisher that starts anew for what it is: one that
// begins at 1 again, in series that go on somewhere above.
func TestTallyEpoch(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	for epoch := range uint64(3) {
		for _, a := range arrivals(1, 2, 3) {
			a.ID.Epoch, a.Seq = epoch+1, a.Seq+100*epoch
			tally.Add(a)
		}
	}
	if got := tally.Cut(); !got.Complete() || got.Received != 9 {
		t.Errorf("got %+v, want 9 and none missing", got)
	}
}

func BenchmarkTallyAdd(b *testing.B) {
	tally := NewTally()
	a := arrivals(1)[0]
	series := make([]string, 20)
	for n := range series {
		series[n] = fmt.Sprintf("device-%03d", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Series = series[a.ID.Seq%20]
		tally.Add(a)
		a.ID.Seq++
	}
}
