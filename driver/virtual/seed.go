package virtual

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"datastub/driver"
)

// readSeed reads what the seeds of a device's points are made of: its own, or
// its name.
func readSeed(r *driver.Reader, name string) int64 {
	return r.Int("seed", derive(0, name), math.MinInt64, math.MaxInt64)
}

// derive makes a seed of another one and a name.
func derive(seed int64, name string) int64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(seed)))
	h.Write([]byte(name))
	return int64(h.Sum64())
}
