package window

import (
	"fmt"
	"sync/atomic"
)

// A Budget bounds what several Reducers hold together. Who would exceed it gets
// a *LimitError, and gives back what it has when it is closed; the others go on.
type Budget struct {
	limit int64 // bytes
	used  atomic.Int64
}

// NewBudget returns one of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// take takes bytes, or gives some back where they are less than none.
func (b *Budget) take(bytes int) error {
	if used := b.used.Add(int64(bytes)); bytes > 0 && used > b.limit {
		return &LimitError{fmt.Sprintf("those of all subscriptions together take more than %d MiB", b.limit>>20)}
	}
	return nil
}
