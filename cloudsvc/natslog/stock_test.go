package natslog

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestStock puts random blocks on shelves of random limits: what is within the
// limits stays, and what is beyond goes soon.
func TestStock(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := stock{}
		if rng.IntN(3) > 0 {
			s.maxAge = time.Duration(1+rng.IntN(1000)) * time.Second
		}
		if rng.IntN(3) > 0 || s.maxAge == 0 {
			s.maxBytes = 1 << 10 << rng.IntN(12)
		}
		type block struct {
			at    time.Time
			bytes int64
		}
		var blocks []block
		kept := 0 // the first block that is kept
		now := time.Unix(0, 0)
		for range 1000 {
			now = now.Add(time.Duration(rng.ExpFloat64() * float64(10*time.Second)))
			b := block{now, 1 + rng.Int64N(500)}
			blocks = append(blocks, b)
			s.add(uint64(len(blocks)), b.at, b.bytes)
			if rng.IntN(3) > 0 {
				continue
			}
			if upTo := int(s.beyond(now, 1)); upTo > 0 {
				s.drop(uint64(upTo))
				if upTo <= kept || upTo > len(blocks) {
					t.Fatalf("let go up to %d, of blocks %d to %d", upTo, kept+1, len(blocks))
				}
				kept = upTo
			}
			var bytes int64
			for _, b := range blocks[kept:] {
				bytes += b.bytes
			}
			if kept > 0 && (s.maxAge == 0 || now.Sub(blocks[kept-1].at) <= s.maxAge) && (s.maxBytes == 0 || bytes < s.maxBytes) {
				t.Fatalf("limits of %v and %d: the last to go was %v old, and %d bytes are left", s.maxAge, s.maxBytes, now.Sub(blocks[kept-1].at), bytes)
			}
			if s.maxBytes > 0 && bytes > s.maxBytes+s.maxBytes/lots+500 {
				t.Fatalf("limit of %d: %d bytes are left", s.maxBytes, bytes)
			}
			if kept < len(blocks) && s.maxAge > 0 && now.Sub(blocks[kept].at) > s.maxAge+s.maxAge/lots {
				t.Fatalf("limit of %v: the oldest is %v old", s.maxAge, now.Sub(blocks[kept].at))
			}
			if len(s.lots) > 3*lots {
				t.Fatalf("%d lots", len(s.lots))
			}
		}
		if kept == 0 && s.maxBytes < 100_000 && s.maxBytes > 0 {
			t.Errorf("limits of %v and %d: nothing was let go of", s.maxAge, s.maxBytes)
		}
	}
}
