package cloudsvc

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"datastub/dataplane"
)

// What BatchLimits may be. A batch that becomes a dead letter must go into one
// message of the log's.
const (
	maxBatchCount = 10_000
	minBatchBytes = 1 << 10
	maxBatchBytes = 512 << 10
	maxBatchWait  = time.Hour
)

// BatchLimits say when the BT messages that a Hook gets are sent together: at the
// first one that is reached. As JSON they are
//
//	{"maxCount":1000,"maxBytes":"256Ki","maxWait":"5s"}
//
// where what is left out is as in defaultBatch.
type BatchLimits struct {
	MaxCount int           // messages and gaps
	MaxBytes int           // of the request; one message always goes
	MaxWait  time.Duration // of the oldest, since it was taken; 0: what is there is sent
}

// defaultBatch is of a Hook that does not say.
func defaultBatch() BatchLimits {
	return BatchLimits{MaxCount: 1000, MaxBytes: 256 << 10, MaxWait: 5 * time.Second}
}

// ParseBatchLimits reads BatchLimits. The error has everything that is wrong,
// joined: a *dataplane.FieldError each, unless it is no JSON object at all.
func ParseBatchLimits(raw []byte) (BatchLimits, error) {
	l := defaultBatch()
	o, err := dataplane.ReadObject("batch", raw, "maxCount", "maxBytes", "maxWait")
	if err != nil {
		return l, err
	}
	if o.Has("maxCount") && json.Unmarshal(o.Raw("maxCount"), &l.MaxCount) != nil {
		o.Refuse("maxCount", fmt.Errorf("maxCount %.64s: want a whole number", o.Raw("maxCount")))
	}
	if o.Has("maxBytes") && json.Unmarshal(o.Raw("maxBytes"), &l.MaxBytes) != nil {
		size, err := ParseSize(o.Text("maxBytes"))
		if err != nil {
			o.Refuse("maxBytes", fmt.Errorf("maxBytes %.64s: %w", o.Raw("maxBytes"), err))
		}
		l.MaxBytes = int(size)
	}
	if o.Has("maxWait") {
		text := o.Text("maxWait")
		if l.MaxWait, err = time.ParseDuration(text); err != nil {
			o.Refuse("maxWait", fmt.Errorf("maxWait %.64q: want a time with its unit, as 500ms or 5s", text))
		}
	}
	l.check(o.Refuse)
	return l, o.Err()
}

// check refuses what is wrong.
func (l *BatchLimits) check(refuse func(field string, err error)) {
	if l.MaxCount < 1 || l.MaxCount > maxBatchCount {
		refuse("maxCount", fmt.Errorf("maxCount %d: want 1 to %d", l.MaxCount, maxBatchCount))
	}
	if l.MaxBytes < minBatchBytes || l.MaxBytes > maxBatchBytes {
		refuse("maxBytes", fmt.Errorf("maxBytes %d: want %d to %d, which is 512Ki", l.MaxBytes, minBatchBytes, maxBatchBytes))
	}
	if l.MaxWait < 0 || l.MaxWait > maxBatchWait {
		refuse("maxWait", fmt.Errorf("maxWait %v: want 0s to %v", l.MaxWait, maxBatchWait))
	}
}

// Validate returns everything that is wrong, joined.
func (l *BatchLimits) Validate() error {
	var errs []error
	l.check(func(_ string, err error) { errs = append(errs, err) })
	return errors.Join(errs...)
}

// MarshalJSON writes what ParseBatchLimits reads.
func (l BatchLimits) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		MaxCount int    `json:"maxCount"`
		MaxBytes int    `json:"maxBytes"`
		MaxWait  string `json:"maxWait"`
	}{l.MaxCount, l.MaxBytes, l.MaxWait.String()})
}

// UnmarshalJSON reads what ParseBatchLimits reads.
func (l *BatchLimits) UnmarshalJSON(raw []byte) (err error) {
	*l, err = ParseBatchLimits(raw)
	return err
}
