package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"datastub/dataplane/flock"
)

// lockPoll is how often a lock that another process has is tried.
const lockPoll = 500 * time.Millisecond

// lock locks a folder for this process, and waits until it may.
func lock(ctx context.Context, folder string, progress io.Writer) (release func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	err = flock.Take(f)
	if errors.Is(err, flock.ErrTaken) {
		defer tell(progress, "waiting for another process, which builds KubeEdge")()
		err = wait(ctx, f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", folder, err), f.Close())
	}
	return func() { _ = flock.Release(f) }, nil
}

// wait takes a lock as soon as it is free.
func wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := flock.Take(f); !errors.Is(err, flock.ErrTaken) {
			return err
		}
	}
}
