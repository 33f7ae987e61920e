package natslog

import (
	"context"
	"time"
)

// choreEvery is how often the chores are done.
const choreEvery = time.Second

// A chore is what is to be done again and again. One that fails is logged when its
// error is new.
type chore struct {
	do     func(ctx context.Context) error
	failed string // what is logged
	last   string // error
}

// Run lets go of what the shelves do not keep, and has an embedded server that has
// halted, as one does on a full disk, store again, though nobody appends, until
// ctx ends. What cannot be done now is tried again.
func (l *Log) Run(ctx context.Context) error {
	chores := l.chores()
	ticker := time.NewTicker(choreEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		for _, c := range chores {
			l.attend(ctx, c)
		}
	}
}

func (l *Log) chores() (all []*chore) {
	if l.server != nil {
		all = append(all, &chore{do: l.mend, failed: "The log stores nothing for now"})
	}
	for _, t := range l.trimmers {
		if len(t.stocks) > 0 {
			trim := func(ctx context.Context) error { return t.trim(ctx, time.Now()) }
			all = append(all, &chore{do: trim, failed: "What retention does not keep stays for now"})
		}
	}
	return all
}

func (l *Log) attend(ctx context.Context, c *chore) {
	err := c.do(ctx)
	if err == nil {
		c.last = ""
	} else if ctx.Err() == nil && err.Error() != c.last {
		c.last = err.Error()
		l.logger.Error(err, c.failed)
	}
}
