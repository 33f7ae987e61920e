package cloudsvc

import (
	"context"
	"fmt"
	"time"

	"datastub/dataplane"
)

// Earliest is what a subscriber gives instead of a position to begin with all
// that the log has.
const Earliest = "earliest"

// clockDifference is how far a subscriber's clock may be ahead.
const clockDifference = time.Minute

// A Start is where a stream begins. The zero Start is the live stream; at most
// one field is set.
type Start struct {
	After    Position  // behind a position
	Since    time.Time // at the first block that was stored then or later
	Earliest bool      // at the beginning of the log
}

// ParseAfter reads a position, or Earliest.
func ParseAfter(text string) (Start, error) {
	if text == Earliest {
		return Start{Earliest: true}, nil
	}
	p, err := ParsePosition(text)
	if err != nil {
		return Start{}, fmt.Errorf("%w: want the position of a line, or %q for all that there is", err, Earliest)
	}
	return Start{After: p}, nil
}

// ParseSince reads a time of RFC 3339 that is not in the future, or how long ago
// it was.
func ParseSince(text string, now time.Time) (Start, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		if at.After(now.Add(clockDifference)) { // a stream begins now at the latest
			return Start{}, fmt.Errorf("since %.64q: want a time that is not in the future: here it is %s", text, now.UTC().Format(time.RFC3339))
		}
		return Start{Since: at}, nil
	}
	ago, err := dataplane.ParseDuration(text)
	if err != nil {
		return Start{}, fmt.Errorf("since %.64q: want a time such as 2026-08-01T12:00:00Z, or how long ago, such as 1h30m or 7d", text)
	}
	if ago <= 0 {
		return Start{}, fmt.Errorf("since %.64q: want a time ago, more than 0; after=%s is all that there is", text, Earliest)
	}
	return Start{Since: now.Add(-ago)}, nil
}

// position returns the position behind which the stream begins. It is not
// behind the end, unless a subscriber gave it.
func (s Start) position(ctx context.Context, h *History, end Position) (Position, error) {
	if !s.Earliest && s.Since.IsZero() {
		return s.After, nil
	}
	at := end
	for _, class := range dataplane.Classes {
		block, err := s.block(ctx, h, class)
		if err != nil {
			return Position{}, fmt.Errorf("find where the stream begins: %w", err)
		}
		if block < end.place(class).Block {
			at.advance(class, endOf(block))
		}
	}
	return at, nil
}

// block returns the block behind which a class begins.
func (s Start) block(ctx context.Context, h *History, class dataplane.Class) (uint64, error) {
	if !s.Earliest {
		return h.before(ctx, class, s.Since)
	}
	first, _, err := h.log.Ends(ctx, class)
	return first - min(first, 1), err
}
