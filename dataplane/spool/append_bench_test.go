package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"datastub/dataplane"
)

// BenchmarkAppend publishes one record a call, and ten, of one publisher and of
// several at once, with the cloud at once behind, and writes the same bytes with
// nothing but write(2) beside each: the most that is possible. A record's share
// of the processor counts all goroutines, the writer's too.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10} {
		for _, publishers := range []int{1, 64} {
			b.Run(fmt.Sprintf("records=%d/publishers=%d", n, publishers), func(b *testing.B) { benchmarkPublishers(b, n, publishers) })
		}
		b.Run(fmt.Sprintf("records=%d/raw", n), func(b *testing.B) { benchmarkWrite(b, n) })
	}
}

// appended are n records, as each call appends them.
func appended(n int) []dataplane.Message {
	messages := make([]dataplane.Message, n)
	for i := range messages {
		messages[i] = reading(dataplane.RT, i, i)
	}
	return messages
}

func benchmarkPublishers(b *testing.B, n, publishers int) {
	s, err := Open(Options{
		Publisher: "edge-1/mapper", Now: time.Now,
		Storage: Storage{Dir: filepath.Join(b.TempDir(), "spool"), MaxBytes: 1 << 30, Sync: SyncSecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	l := s.Lane(dataplane.RT)
	var left atomic.Int64
	left.Store(int64(b.N))
	var publishing sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime()
	for range publishers {
		publishing.Go(func() {
			messages := appended(n)
			for calls := 1; left.Add(-1) >= 0; calls++ {
				if err := s.Append(messages); err != nil {
					b.Error(err)
				}
				if last := messages[n-1].ID; calls*n%1000 < n {
					l.Release(dataplane.Mark{Epoch: last.Epoch, Seq: last.Seq})
				}
			}
		})
	}
	publishing.Wait()
	reportRecords(b, n, processorTime()-used)
	b.ReportMetric(float64(s.Fault().Times), "faults") // of a disk that is slow for a moment
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchmarkWrite(b *testing.B, n int) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var buffer []byte
	for i, m := range appended(n) {
		m.Seq = uint64(time.Now().UnixMicro())
		buffer = appendRecord(buffer, uint64(i), &m)
	}
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime()
	for range b.N {
		if _, err := f.Write(buffer); err != nil {
			b.Fatal(err)
		}
	}
	reportRecords(b, n, processorTime()-used)
}

func reportRecords(b *testing.B, n int, used time.Duration) {
	b.StopTimer()
	records := float64(b.N * n)
	b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(records/used.Seconds(), "records/s/core")
}

// processorTime returns what the process has used so far, of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it never fails
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
