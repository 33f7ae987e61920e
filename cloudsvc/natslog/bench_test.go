package natslog

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
)

// BenchmarkAppend is one append after the other, synced to disk each, or once
// a second.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		for name, every := range map[string]time.Duration{"always": 0, "1s": time.Second} {
			b.Run(fmt.Sprintf("%dKiB/sync=%s", size>>10, name), func(b *testing.B) {
				l := open(b, Options{Dir: b.TempDir(), SyncInterval: every, Logger: klog.Background()})
				appendBlocks(b, l, size)
			})
		}
	}
}

// BenchmarkSyncRatio has both ways to sync take turns on one disk: how many
// times as fast once a second is.
func BenchmarkSyncRatio(b *testing.B) {
	const size = 64 << 10
	always, second := openFolder(b, b.TempDir()), open(b, Options{Dir: b.TempDir(), SyncInterval: time.Second, Logger: klog.Background()})
	var took [2]time.Duration
	block := make([]byte, size)
	n := uint64(0)
	for b.Loop() {
		for i, l := range []*Log{always, second} {
			n++
			binary.BigEndian.PutUint64(block, n)
			began := time.Now()
			if _, err := l.Append(b.Context(), dataplane.RT, 0, block); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(b.N)/took[0].Seconds(), "always/s")
	b.ReportMetric(float64(b.N)/took[1].Seconds(), "second/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "ratio")
}

func appendBlocks(b *testing.B, l *Log, size int) {
	b.Helper()
	block := make([]byte, size)
	n := uint64(0)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		n++
		binary.BigEndian.PutUint64(block, n) // no two blocks are alike
		if _, err := l.Append(b.Context(), dataplane.RT, 0, block); err != nil {
			b.Fatal(err)
		}
	}
}
