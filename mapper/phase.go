package mapper

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// phase returns how long after a device is opened its cycles begin, all of
// them: from 0 to below the spread, or below the shortest cycle if that is
// less. It is made of the device's key alone, and the same after each start.
func (s *Spec) phase(spread time.Duration) time.Duration {
	for i := range s.Properties {
		if cycle := s.Properties[i].CollectCycle; cycle > 0 {
			spread = min(spread, cycle)
		}
	}
	sum := sha256.Sum256([]byte(s.Key.String())) // names in a row are spread evenly
	return spread * time.Duration(binary.BigEndian.Uint16(sum[:])) >> 16
}
