package cloudsvc

import (
	"fmt"
	"time"
)

// Sync says when the embedded log is synced to disk: SyncAlways, which is what
// an empty one means, or SyncSecond.
type Sync string

const (
	// SyncAlways syncs each block before it counts as stored.
	SyncAlways Sync = "always"
	// SyncSecond syncs once a second. A loss of power may take what was stored
	// since; the end of the process, however it ends, takes nothing.
	SyncSecond Sync = "1s"
)

// secondLag is after how long all that was stored is surely on disk with
// SyncSecond: a sync begins a second after the one before has ended, and may
// take its time.
const secondLag = 5 * time.Second

func (s Sync) validate() error {
	switch s {
	case "", SyncAlways, SyncSecond:
		return nil
	}
	return fmt.Errorf("sync: %q: want %s or %s", string(s), SyncAlways, SyncSecond)
}

// Interval returns how often the log syncs by itself; 0: each block, before it
// answers.
func (s Sync) Interval() time.Duration {
	if s == SyncSecond {
		return time.Second
	}
	return 0
}

// Lag returns how long what is stored needs to be durable: see
// IngestOptions.DurableLag.
func (s Sync) Lag() time.Duration {
	if s == SyncSecond {
		return secondLag
	}
	return 0
}
