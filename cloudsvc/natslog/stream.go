package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

const (
	// shard is the only one there is, until there are more.
	shard = 0
	// maxAge and maxBytes bound each stream that is made here, or on the embedded
	// server what no retention rule is for; the oldest blocks go first.
	maxAge   = 7 * 24 * time.Hour
	maxBytes = 1 << 30
	// slack is the part of what the shelves may have that a stream has room for
	// beyond it: for what comes before they are looked at again.
	slack = 8
)

// openClasses opens the streams, or makes them, and finds what shelves there
// are. It returns how large a stream may be where nothing is asked for, in
// bytes.
func (l *Log) openClasses(ctx context.Context, o Options) (room int64, err error) {
	room = maxBytes
	if o.Dir != "" {
		if room, err = roomFor(o.Dir); err != nil {
			return 0, err
		}
	}
	own := cloudsvc.RetentionRule{MaxAge: maxAge, MaxBytes: maxBytes}
	age, bytes := limits(cloudsvc.Shelves(o.Retention, own, nil, 0))
	switch {
	case len(o.Retention) == 0:
		bytes = room
	case o.Dir != "": // else a stream is not made of which more is asked for than there is
		if bytes, err = fit(o.Dir, bytes, 0); err != nil {
			return 0, err
		}
	}
	for _, c := range dataplane.Classes {
		if l.classes[c], err = openClass(ctx, l.js, c, age, bytes); err != nil {
			return 0, err
		}
	}
	if o.Dir != "" {
		if err := l.openShelves(ctx, o.Retention, own); err != nil {
			return 0, err
		}
		return room, l.fitStreams(ctx, o)
	}
	if err := l.checkLimits(o.Retention); err != nil {
		return 0, err
	}
	return room, l.openShelves(ctx, o.Retention, cloudsvc.RetentionRule{})
}

// limits returns what a stream needs for shelves that all have limits.
func limits(shelves []cloudsvc.Shelf) (age time.Duration, bytes int64) {
	for _, s := range shelves {
		age = max(age, s.MaxAge)
		bytes += s.MaxBytes
	}
	if len(shelves) > 1 {
		bytes += bytes / slack
	}
	return age, bytes
}

// openClass opens a class's stream, or makes it with limits, and finds where it
// ends.
func openClass(ctx context.Context, js jetstream.JetStream, class dataplane.Class, age time.Duration, bytes int64) (*classLog, error) {
	prefix := "ds." + strings.ToLower(class.String())
	stream, err := openStream(ctx, js, jetstream.StreamConfig{
		Name:        class.String(),
		Description: "DataStub's blocks of class " + class.String(),
		Subjects:    []string{prefix + ".*.*"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      age,
		MaxBytes:    bytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open the stream %v: %w", class, err)
	}
	return &classLog{stream: stream, prefix: fmt.Sprintf("%s.%d", prefix, shard), last: stream.CachedInfo().State.LastSeq}, nil
}

// fitStreams gives the embedded server's streams the limits that the shelves
// need, as far as the disk has room; never less than is there of what they keep.
// Streams that no rule is or was for stay as they were made.
func (l *Log) fitStreams(ctx context.Context, o Options) error {
	age, bytes := limits(l.shelves)
	for class, c := range l.classes {
		config := c.stream.CachedInfo().Config
		if len(o.Retention) == 0 && len(l.shelves) == 1 && config.MaxAge == age && config.MaxBytes <= bytes {
			continue
		}
		room, err := fit(o.Dir, bytes, int64(c.stream.CachedInfo().State.Bytes))
		if err != nil {
			return err
		}
		config.MaxAge, config.MaxBytes = age, room
		if config.MaxBytes < bytes {
			l.logger.Info("The disk has no room for all that retention may keep; the oldest go first, whatever they are",
				"class", class, "wanted", bytes, "room", config.MaxBytes)
		}
		if c.stream, err = l.js.UpdateStream(ctx, config); err != nil {
			return fmt.Errorf("set the limits of the stream %v: %w", class, err)
		}
	}
	return nil
}

// fit returns how many of the bytes that are wanted a stream may have, whose
// folder's disk has some free, and which has some by now: a quarter of both.
func fit(dir string, want, have int64) (int64, error) {
	free, err := freeIn(dir)
	return min(want, max(have, (free+have)/4)), err
}

// checkLimits tells what retention asks for that a stream of the operator's does
// not keep.
func (l *Log) checkLimits(rules []cloudsvc.RetentionRule) error {
	var errs []error
	for _, class := range dataplane.Classes {
		config := l.classes[class].stream.CachedInfo().Config
		for i, r := range rules {
			if config.MaxAge > 0 && r.MaxAge > config.MaxAge {
				errs = append(errs, fmt.Errorf("retention: rule %d: maxAge: %v: the stream %v keeps nothing for longer than %v: raise its max_age", i, r.MaxAge, class, config.MaxAge))
			}
			if config.MaxBytes > 0 && r.MaxBytes > config.MaxBytes {
				errs = append(errs, fmt.Errorf("retention: rule %d: maxBytes: %d: the stream %v keeps %d at most: raise its max_bytes", i, r.MaxBytes, class, config.MaxBytes))
			}
		}
	}
	return errors.Join(errs...)
}

// openStream opens a stream as it is, or makes it. Limits and replicas of one
// that is there are its operator's.
func openStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return js.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	return stream, checkStream(stream.CachedInfo().Config, want.Subjects[0])
}

// checkStream tells what is wrong with a stream that somebody else made.
func checkStream(have jetstream.StreamConfig, subject string) error {
	switch {
	case !slices.Contains(have.Subjects, subject):
		return fmt.Errorf("its subjects are %q: want %q among them", have.Subjects, subject)
	case have.Storage != jetstream.FileStorage:
		return fmt.Errorf("its storage is %v: want %v", have.Storage, jetstream.FileStorage)
	case have.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("its retention is %v: want %v", have.Retention, jetstream.LimitsPolicy)
	case have.NoAck:
		return errors.New("it does not acknowledge what it stores (no_ack)")
	}
	return nil
}
