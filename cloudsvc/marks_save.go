package cloudsvc

import (
	"context"
	"time"

	"k8s.io/klog/v2"
)

// saveEvery is how often the marks are saved if they changed.
const saveEvery = 5 * time.Second

const marksUnsaved = "The marks were not saved; a restart reads more of the log"

// keepMarks saves the marks now and then. An error is logged when it is new.
func (i *Ingest) keepMarks(ctx context.Context) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	var last string
	for {
		select {
		case <-ticker.C:
			err := i.save(ctx)
			if err == nil {
				last = ""
			} else if ctx.Err() == nil && err.Error() != last {
				last = err.Error()
				klog.FromContext(ctx).Error(err, marksUnsaved)
			}
		case <-ctx.Done():
			return
		}
	}
}

// save saves the marks if they changed.
func (i *Ingest) save(ctx context.Context) error {
	i.mu.Lock()
	changed := i.changed
	i.changed = false
	var now *marks
	if changed {
		now = i.marks.clone()
	}
	i.mu.Unlock()
	if !changed {
		return nil
	}
	err := i.options.Marks.SaveMarks(ctx, now.snapshot())
	if err != nil {
		i.mu.Lock()
		i.changed = true
		i.mu.Unlock()
	}
	return err
}
