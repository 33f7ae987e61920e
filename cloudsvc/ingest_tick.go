package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane"
)

// tickEvery is how often silence and durability are looked at.
const tickEvery = time.Second

// tick does what time alone brings. It returns ErrTruncated if the log has
// lost its end.
func (i *Ingest) tick(ctx context.Context) error {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	var last string
	for {
		select {
		case <-ticker.C:
			switch err := i.verify(ctx); {
			case err == nil:
				last = ""
				i.mu.Lock()
				i.send(i.receiver.Tick(i.options.Now()))
				i.mu.Unlock()
			case errors.Is(err, ErrTruncated):
				return err
			case err.Error() != last && ctx.Err() == nil:
				last = err.Error()
				klog.FromContext(ctx).Error(err, "Cannot see whether the log is whole; nothing becomes durable meanwhile")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// verify tells whether the log still ends where it did, or behind that. It
// matters where blocks become durable some time after they are stored: a
// server that lost power comes back without its last ones, and unless something
// is appended nobody would find out before publishers are told that they may
// forget them.
func (i *Ingest) verify(ctx context.Context) error {
	if i.options.DurableLag == 0 {
		return nil
	}
	i.mu.Lock()
	blocks := maps.Clone(i.marks.blocks)
	i.mu.Unlock()
	for _, c := range dataplane.Classes {
		_, end, err := i.options.Log.Ends(ctx, c)
		if err != nil {
			return err
		}
		if end < blocks[c] {
			return fmt.Errorf("%v ends at block %d, not at %d: %w", c, end, blocks[c], ErrTruncated)
		}
	}
	return nil
}
