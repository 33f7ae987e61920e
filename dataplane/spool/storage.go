package spool

import (
	"errors"
	"fmt"
	"time"
)

// Sync says when what was accepted survives a power loss too.
type Sync uint8

const (
	// SyncSecond syncs once a second: a power loss takes the last second.
	SyncSecond Sync = iota
	// SyncNone leaves it to the operating system, which takes some 30 s.
	SyncNone
	// SyncAlways syncs before it accepts.
	SyncAlways
)

var syncNames = [...]string{SyncSecond: "1s", SyncNone: "none", SyncAlways: "always"}

// String returns 1s, none or always.
func (s Sync) String() string {
	if int(s) < len(syncNames) {
		return syncNames[s]
	}
	return fmt.Sprintf("Sync(%d)", uint8(s))
}

// UnmarshalText reads 1s, none or always.
func (s *Sync) UnmarshalText(text []byte) error {
	for i, name := range syncNames {
		if name == string(text) {
			*s = Sync(i)
			return nil
		}
	}
	return fmt.Errorf("sync %.32q is not none, 1s or always", text)
}

// Storage says where records wait, and how much of them.
type Storage struct {
	Dir      string        // a folder of the spool's own; empty: in memory only
	MaxBytes int64         // of both lanes together, in files; as they stand in memory where there is no folder
	MaxAge   time.Duration // of what waits in files; 0: any
	Sync     Sync
}

func (s *Storage) validate() error {
	var errs []error
	if s.MaxBytes <= 0 {
		errs = append(errs, fmt.Errorf("spool of %d bytes: want more than 0", s.MaxBytes))
	}
	if s.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("spool of records of at most %v: want more than 0s, or 0s for any age", s.MaxAge))
	}
	if int(s.Sync) >= len(syncNames) {
		errs = append(errs, fmt.Errorf("%v is not none, 1s or always", s.Sync))
	}
	return errors.Join(errs...)
}

// The sizes of what is kept in a folder's stead, in bytes.
const (
	// maxMemory is how much of both lanes is kept in memory: what is new, so
	// that it is seldom read back, and all where the disk fails.
	maxMemory = 32 << 20
	// A segment is a small part of the spool, as it is dropped as a whole, and
	// is read as a whole.
	minSegment       = 4 << 10
	maxSegment       = 8 << 20
	segmentsPerSpool = 32
)

// memoryBytes returns how much may be kept in memory.
func (s *Storage) memoryBytes() int64 {
	if s.Dir == "" {
		return s.MaxBytes
	}
	return min(s.MaxBytes, maxMemory)
}

// segmentBytes returns how large a segment is when it is sealed, at least.
func (s *Storage) segmentBytes() int64 {
	return min(max(s.MaxBytes/segmentsPerSpool, minSegment), maxSegment)
}

// segmentAge returns how long a segment is written to, at most.
func (s *Storage) segmentAge() time.Duration { return s.MaxAge / segmentsPerSpool }
