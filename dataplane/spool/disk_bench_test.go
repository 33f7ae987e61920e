package spool

import (
	"path/filepath"
	"testing"
	"time"

	"datastub/dataplane"
)

// BenchmarkDiskAppend publishes 10 records at once, of one publisher, with the
// cloud at once behind.
func BenchmarkDiskAppend(b *testing.B) {
	for _, mode := range []Sync{SyncNone, SyncSecond, SyncAlways} {
		for _, n := range []int{10, 1000} {
			b.Run(mode.String()+"/"+map[int]string{10: "10", 1000: "1000"}[n], func(b *testing.B) { benchmarkAppend(b, mode, n) })
		}
	}
}

func benchmarkAppend(b *testing.B, mode Sync, n int) {
	s, err := Open(Options{
		Publisher: "edge-1/mapper", Now: time.Now,
		Storage: Storage{Dir: filepath.Join(b.TempDir(), "spool"), MaxBytes: 1 << 30, Sync: mode},
	})
	if err != nil {
		b.Fatal(err)
	}
	messages := make([]dataplane.Message, n)
	for i := range messages {
		messages[i] = reading(dataplane.RT, i, i)
	}
	l := s.Lane(dataplane.RT)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(messages); err != nil {
			b.Fatal(err)
		}
		last := messages[n-1].ID
		l.Release(dataplane.Mark{Epoch: last.Epoch, Seq: last.Seq})
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
	faults := s.Fault().Times // of a disk that is slow for a moment
	b.ReportMetric(float64(faults), "faults")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDiskReadBack reads what does not fit into memory.
func BenchmarkDiskReadBack(b *testing.B) {
	woken := make(chan struct{}, 1)
	s, err := Open(Options{
		Publisher: "edge-1/mapper", Now: time.Now, Wake: func(dataplane.Class) { nudge(woken) },
		Storage: Storage{Dir: filepath.Join(b.TempDir(), "spool"), MaxBytes: 1 << 30, Sync: SyncNone},
	})
	if err != nil {
		b.Fatal(err)
	}
	const n = 500_000
	messages := make([]dataplane.Message, 1000)
	for i := range n {
		messages[i%1000] = reading(dataplane.BT, i%1000, i)
		if i%1000 == 999 {
			if err := s.Append(messages); err != nil {
				b.Fatal(err)
			}
		}
	}
	l := s.Lane(dataplane.BT)
	b.ReportAllocs()
	for b.Loop() {
		var mark dataplane.Mark
		for some := true; some; some, _ = l.Waiting(mark, 1, 1) {
			batch, gap := l.Next(mark, 1000, 256<<10)
			if gap != nil {
				b.Fatal(gap)
			}
			if batch == nil {
				<-woken
				continue
			}
			mark = item{batch: batch}.mark()
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
