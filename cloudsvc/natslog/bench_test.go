package natslog

import (
	"encoding/binary"
	"fmt"
	"testing"

	"datastub/dataplane"
)

// BenchmarkAppend is one append after the other, each synced to disk.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			l := openFolder(b, b.TempDir())
			block := make([]byte, size)
			n := uint64(0)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				n++
				binary.BigEndian.PutUint64(block, n) // no two blocks are alike
				if _, err := l.Append(b.Context(), dataplane.RT, block); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
