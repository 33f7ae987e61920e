package modbus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// TestTurnOrder has calls wait for a turn, one after another.
func TestTurnOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line turn
		if err := line.take(t.Context(), usual); err != nil {
			t.Fatal(err)
		}
		var order []string
		given, cancel := context.WithCancel(t.Context())
		for _, call := range []struct {
			name string
			ctx  context.Context
			want urgency
		}{
			{"read 1", t.Context(), usual},
			{"given up", given, usual},
			{"read 2", t.Context(), usual},
			{"write 1", t.Context(), urgent},
			{"write 2", t.Context(), urgent},
		} {
			go func() {
				if err := line.take(call.ctx, call.want); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				order = append(order, call.name)
				line.give()
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		line.give()
		synctest.Wait()
		if want := []string{"write 1", "write 2", "read 1", "read 2"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
		if err := line.take(t.Context(), usual); err != nil {
			t.Errorf("take a turn that nobody has: %v", err)
		}
	})
}
