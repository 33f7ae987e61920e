package cloudsvc

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/klog/v2/textlogger"

	"datastub/dataplane"
)

// TestCutOffOnce has subscriptions end in every way that there is: each is
// counted and logged once, or not at all.
func TestCutOffOnce(t *testing.T) {
	stuck := fmt.Errorf("write to the subscriber: %w", os.ErrDeadlineExceeded)
	overflow := func(s *testService) {
		s.deliver(1, "a", dataplane.StringValue(strings.Repeat("x", maxQueue)))
		s.deliver(2, "a", dataplane.IntValue(1))
	}
	tests := map[string]struct {
		before func(*testService)
		err    func(*Subscription) error // that ends the stream
		count  float64
		log    string
	}{
		"stuck":                     {func(*testService) {}, func(*Subscription) error { return stuck }, 1, `filter="a" reason="stuck: it read nothing for 15s" position=`},
		"stuck behind a full queue": {overflow, func(*Subscription) error { return stuck }, 1, `filter="a" reason="stuck: it read nothing for 15s" position=`},
		"shutdown":                  {func(s *testService) { s.dispatcher.Close() }, lastError, 0, ""},
		"stuck at shutdown":         {func(s *testService) { s.dispatcher.Close() }, func(*Subscription) error { return stuck }, 0, `filter="a" reason="stuck: it read nothing for 15s" position=`},
		"left":                      {func(*testService) {}, func(*Subscription) error { return os.ErrClosed }, 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := startService(t, func(o *APIOptions) {
				o.Logger = textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&log)))
			})
			subscription := subscribeTo(t, s.dispatcher, "a")
			tt.before(s)
			s.api.streamEnded("192.0.2.1:5", subscription, tt.err(subscription))
			subscription.Close()
			if got := testutil.ToFloat64(s.dispatcher.metrics.cutOff); got != tt.count {
				t.Errorf("counted %v, want %v", got, tt.count)
			}
			lines := strings.Count(log.String(), "\n")
			if tt.log == "" && lines != 0 || tt.log != "" && (lines != 1 ||
				!strings.Contains(log.String(), `"subscriber was cut off" remote="192.0.2.1:5" `+tt.log)) {
				t.Errorf("log %q, want %q", &log, tt.log)
			}
		})
	}
}

// lastError takes all that is queued and returns what comes behind it.
func lastError(s *Subscription) error {
	for {
		if _, _, err := s.take(); err != nil {
			return err
		}
	}
}
