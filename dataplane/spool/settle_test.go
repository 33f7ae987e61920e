package spool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

// TestSettle: who publishes and can wait is not told that a record is safe while
// the disk hangs, but for a second at most, when everybody is told of the fault.
func TestSettle(t *testing.T) {
	for name, tt := range map[string]struct {
		stalls, patience, want time.Duration
	}{
		"a disk that is well": {0, time.Minute, 0},
		"a moment":            {500 * time.Millisecond, time.Minute, 500*time.Millisecond - maxBlock},
		"long":                {time.Minute, time.Minute, shortFault},
		"no patience":         {time.Minute, 200 * time.Millisecond, 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{Sync: SyncAlways})
				if tt.stalls > 0 {
					time.AfterFunc(tt.stalls, e.ram.stall())
				}
				e.add(dataplane.RT, 5)
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()
				began := time.Now()
				err := e.Settle(ctx)
				if took := time.Since(began); took != tt.want {
					t.Errorf("settled after %v, want %v", took, tt.want)
				}
				if late := tt.want == tt.patience; errors.Is(err, context.DeadlineExceeded) != late {
					t.Errorf("got %v", err)
				}
				if err == nil && tt.stalls < shortFault {
					e.killed()
					e.holds(dataplane.RT, dataplane.Mark{})
				}
				time.Sleep(2 * time.Minute)
				e.close()
			})
		})
	}
	memory, err := Open(Options{Publisher: "edge-1/mapper", Storage: Storage{MaxBytes: 1 << 20}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := memory.Settle(t.Context()); err != nil {
		t.Errorf("in memory: %v", err)
	}
}
