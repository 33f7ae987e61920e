package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

const (
	// retentionBucket holds what shelves there are, at shelvesKey: where rules
	// change, blocks stay where they are, and are kept as it was promised.
	retentionBucket = "retention"
	shelvesKey      = "shelves"
)

// shelfTable is the value of shelvesKey.
type shelfTable struct {
	Next    uint32        `json:"next"` // the first ID that was never given
	Shelves []shelfRecord `json:"shelves"`
}

type shelfRecord struct {
	ID       uint32        `json:"id"`
	Topics   []string      `json:"topics,omitempty"`
	Except   []string      `json:"except,omitempty"`
	MaxAge   time.Duration `json:"maxAge,omitempty"` // nanoseconds
	MaxBytes int64         `json:"maxBytes,omitempty"`
	Retired  bool          `json:"retired,omitempty"`
}

// openShelves finds which shelves there are by now, for rules and of what the
// streams hold.
func (l *Log) openShelves(ctx context.Context, rules []cloudsvc.RetentionRule, other cloudsvc.RetentionRule) error {
	bucket, err := openBucket(ctx, l.js, retentionBucket, "how long what is kept")
	if err != nil {
		return err
	}
	// Before there were rules all was on one.
	table := shelfTable{Next: 1, Shelves: []shelfRecord{{MaxAge: other.MaxAge, MaxBytes: other.MaxBytes}}}
	entry, err := bucket.Get(ctx, shelvesKey)
	switch {
	case err == nil:
		table = shelfTable{}
		if err := json.Unmarshal(entry.Value(), &table); err != nil {
			return fmt.Errorf("read the shelves of the bucket %s: %w", retentionBucket, err)
		}
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("read the bucket %s: %w", retentionBucket, err)
	}
	used, err := l.usedShelves(ctx)
	if err != nil {
		return err
	}
	for id := range used { // a server without a sync may have lost the table
		table.Next = max(table.Next, id+1)
	}
	had, err := table.shelves()
	if err != nil {
		return fmt.Errorf("read the shelves of the bucket %s: %w", retentionBucket, err)
	}
	next := table.Next
	for _, s := range cloudsvc.Shelves(rules, other, had, next) {
		if s.Retired && !used[s.ID] {
			continue // nothing is left on it
		}
		next = max(next, s.ID+1)
		l.shelves = append(l.shelves, s)
	}
	value, err := json.Marshal(shelfTable{next, recordsOf(l.shelves)})
	if err != nil || entry != nil && string(value) == string(entry.Value()) {
		return err
	}
	if _, err := bucket.Put(ctx, shelvesKey, value); err != nil {
		return fmt.Errorf("write the bucket %s: %w", retentionBucket, err)
	}
	return nil
}

// usedShelves returns the IDs of the shelves that have blocks.
func (l *Log) usedShelves(ctx context.Context) (map[uint32]bool, error) {
	used := make(map[uint32]bool)
	for class, c := range l.classes {
		info, err := c.stream.Info(ctx, jetstream.WithSubjectFilter(c.subjects()))
		if err != nil {
			return nil, fmt.Errorf("list the subjects of the stream %v: %w", class, err)
		}
		for subject := range info.State.Subjects {
			id, err := strconv.ParseUint(subject[strings.LastIndexByte(subject, '.')+1:], 10, 32)
			if err == nil { // else it is nobody's that writes blocks
				used[uint32(id)] = true
			}
		}
	}
	return used, nil
}

// Shelves returns where blocks are kept, those that are retired behind the
// others.
func (l *Log) Shelves() []cloudsvc.Shelf { return l.shelves }

func (t *shelfTable) shelves() (shelves []cloudsvc.Shelf, err error) {
	for _, r := range t.Shelves {
		s := cloudsvc.Shelf{ID: r.ID, MaxAge: r.MaxAge, MaxBytes: r.MaxBytes, Retired: r.Retired}
		if s.Topics, err = parseFilters(r.Topics); err != nil {
			return nil, err
		}
		if s.Except, err = parseFilters(r.Except); err != nil {
			return nil, err
		}
		shelves = append(shelves, s)
	}
	return shelves, nil
}

func recordsOf(shelves []cloudsvc.Shelf) (all []shelfRecord) {
	for _, s := range shelves {
		all = append(all, shelfRecord{s.ID, texts(s.Topics), texts(s.Except), s.MaxAge, s.MaxBytes, s.Retired})
	}
	return all
}

func parseFilters(texts []string) (filters []dataplane.Filter, err error) {
	for _, text := range texts {
		f, err := dataplane.ParseFilter(text)
		if err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return filters, nil
}

func texts(filters []dataplane.Filter) (texts []string) {
	for _, f := range filters {
		texts = append(texts, f.String())
	}
	return texts
}
