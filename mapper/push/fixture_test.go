package push

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/klog/v2/ktesting"

	"datastub/driver"
	"datastub/hack/poll"
	"datastub/mapper"
)

// A rig is a Pusher that runs, and what it logs.
type rig struct {
	*Pusher
	log  ktesting.Buffer
	stop func() // ends the Pusher and waits for it; done by the test's end at the latest
}

func newRig(t *testing.T) *rig {
	t.Helper()
	log := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	r := &rig{
		Pusher: New(Options{Client: "edge-1/mapper", Logger: log}),
		log:    log.GetSink().(ktesting.Underlier).GetBuffer(),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// deviceOf returns a device with these properties.
func deviceOf(name string, properties ...mapper.Property) mapper.Spec {
	return mapper.Spec{Key: mapper.Key{Namespace: "default", Name: name}, Properties: properties}
}

// posted returns a property that is posted to a URL.
func posted(name, url string) mapper.Property {
	return mapper.Property{Point: driver.PointConfig{Name: name}, Push: mapper.Push{HTTP: &mapper.PushHTTP{URL: url}}}
}

// run says that a device runs, and returns what pushes a value of one of its
// properties.
func (r *rig) run(spec mapper.Spec) (push func(property int, value any)) {
	r.ReportSpec(spec)
	return func(property int, value any) {
		r.Push(spec.Key, &spec.Properties[property], driver.Reading{Value: value, Time: moment})
	}
}

// moment is when all values of the tests were read.
var moment = time.Date(2026, 11, 23, 16, 35, 19, 999e6, time.Local)

// values returns how many values of a method had a result.
func (r *rig) values(method, result string) int {
	return int(testutil.ToFloat64(r.counters.values.WithLabelValues(method, result)))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 30*time.Second, what, ok)
}

// bodies returns the bodies of the values from one number to below another.
func bodies(property string, from, to int) (all []string) {
	for n := from; n < to; n++ {
		all = append(all, fmt.Sprintf("%s=%d&time=2026-11-23 16:35:19", property, n))
	}
	return all
}
