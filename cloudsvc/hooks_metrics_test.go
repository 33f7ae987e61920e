package cloudsvc

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/cloudsvc/webhook"
)

// TestDurableSubscriptionsAreCounted has each counted once, and as no stream,
// whatever it reads.
func TestDurableSubscriptionsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		for range 3 {
			b.create(t, nil)
		}
		b.setState(t, b.create(t, nil).ID, HookPaused)
		const want = `
# HELP datastub_cloudsvc_durable_subscriptions Durable subscriptions, by state.
# TYPE datastub_cloudsvc_durable_subscriptions gauge
datastub_cloudsvc_durable_subscriptions{state="active"} 3
datastub_cloudsvc_durable_subscriptions{state="disabled"} 0
datastub_cloudsvc_durable_subscriptions{state="paused"} 1
`
		if err := testutil.CollectAndCompare(b.Hooks, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if got := testutil.ToFloat64(b.options.Dispatcher.metrics.streams); got != 0 {
			t.Errorf("%v streams, want 0", got)
		}
	})
}
