package dmi

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"k8s.io/klog/v2"

	"datastub/mapper"
)

const (
	// lookEvery is how often what is due by its age is looked for.
	lookEvery = time.Second
	// pause is how long nothing is reported after EdgeCore could not be asked.
	pause = 2 * time.Second
)

// reports is where twins and states are reported: EdgeCore. Its methods return
// when EdgeCore has taken a report, or within some seconds.
type reports interface {
	ReportStatus(ctx context.Context, request *pb.ReportDeviceStatusRequest) error
	ReportStates(ctx context.Context, request *pb.ReportDeviceStatesRequest) error
}

// A twins reports values and states to EdgeCore, as many as the pacer lets
// through, a device at a time: all that there is to tell of it in one report,
// and of each property the newest only. What could not be reported is with the
// device's next report.
type twins struct {
	reports reports
	pacer   *pacer
	witness Witness
	log     klog.Logger
	woken   chan struct{} // holds one: somebody waits who need not wait for lookEvery

	mu      sync.Mutex
	shadows map[mapper.Key]*shadow
	course  course
	idle    bool // Run found nothing better to do than to repeat itself
}

var _ mapper.Reporter = (*twins)(nil)

func newTwins(reports reports, pacer *pacer, witness Witness, log klog.Logger) *twins {
	return &twins{
		reports: reports, pacer: pacer, witness: witness, log: log,
		woken: make(chan struct{}, 1), shadows: map[mapper.Key]*shadow{},
	}
}

// ReportSpec implements mapper.Reporter.
func (t *twins) ReportSpec(spec mapper.Spec) {
	t.mu.Lock()
	s, known := t.shadows[spec.Key]
	if !known {
		s = &shadow{key: spec.Key, begun: t.pacer.now()}
		t.shadows[spec.Key] = s
	}
	missing := s.follow(&spec)
	t.mu.Unlock()
	t.warn(spec.Key, missing)
}

// ReportValues implements mapper.Reporter.
func (t *twins) ReportValues(key mapper.Key, values []mapper.Reported) {
	t.warn(key, t.set(key, values))
}

func (t *twins) set(key mapper.Key, values []mapper.Reported) []missing {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, known := t.shadows[key]
	if !known {
		return nil
	}
	if t.idle {
		t.wake()
	}
	return s.set(values)
}

// ReportHealth implements mapper.Reporter.
func (t *twins) ReportHealth(key mapper.Key, health mapper.Health) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, known := t.shadows[key]
	if !known || s.state == string(health.State) {
		return
	}
	s.state, s.since = string(health.State), t.pacer.now()
	t.wake()
}

// Removed implements mapper.Reporter.
func (t *twins) Removed(key mapper.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.shadows, key)
}

// last returns the newest values of a device, as twins have them.
func (t *twins) last(key mapper.Key) []*pb.Twin {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, known := t.shadows[key]
	if !known {
		return nil
	}
	return s.newest()
}

// again has everything reported once more: EdgeCore was away, and what it was
// told last may be lost.
func (t *twins) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.shadows {
		s.again()
	}
	t.wake()
}

func (t *twins) wake() {
	select {
	case t.woken <- struct{}{}:
	default: // Run will look anyway
	}
}

// warn logs what has no twin, each once.
func (t *twins) warn(key mapper.Key, missing []missing) {
	for _, m := range missing {
		t.log.Info("Property has no twin", "device", key.String(), "property", m.property, "reason", m.err.Error())
	}
}

// Run reports until ctx ends. It is called once.
func (t *twins) Run(ctx context.Context) error {
	var failure string // of the last report, if it failed
	for ctx.Err() == nil {
		turn, wait := t.next()
		if wait > 0 {
			sleep(ctx, wait, t.woken)
			continue
		}
		err := t.report(ctx, turn)
		if ctx.Err() != nil {
			return nil
		}
		if failure = t.judge(err, failure); failure != "" {
			sleep(ctx, pause, nil)
		}
	}
	return nil
}

// sleep returns after some time, or sooner when woken or when ctx ends.
func sleep(ctx context.Context, wait time.Duration, woken <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-woken:
	case <-time.After(wait):
	}
}

// next returns the next turn, with its token taken, or after how long to look
// again.
func (t *twins) next() (turn, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.pacer.now()
	var h heads
	for _, s := range t.shadows {
		why, since := s.stateLane(now)
		h.offer(s, why, since)
		why, since = s.twinsLane(now)
		h.offer(s, why, since)
	}
	turn, ok := t.course.next(&h, now)
	t.idle = !ok || turn.kind == forRefresh
	if !ok {
		return turn, lookEvery
	}
	if wait := t.pacer.take(turn.kind); wait > 0 {
		return turn, min(wait, lookEvery)
	}
	t.idle = false
	t.course.note(turn.lane)
	return turn, 0
}

// report makes the request of a turn.
func (t *twins) report(ctx context.Context, turn turn) error {
	if turn.lane.ofState() {
		return t.reportState(ctx, turn.shadow)
	}
	return t.reportTwins(ctx, turn.shadow)
}

func (t *twins) reportState(ctx context.Context, s *shadow) error {
	t.mu.Lock()
	state := s.wanted(t.pacer.now())
	t.mu.Unlock()
	if state == "" {
		return nil // another Spec has come
	}
	err := t.reports.ReportStates(ctx, &pb.ReportDeviceStatesRequest{
		DeviceNamespace: s.key.Namespace, DeviceName: s.key.Name, State: state,
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stateTold(state, t.pacer.now(), err)
	return err
}

func (t *twins) reportTwins(ctx context.Context, s *shadow) error {
	t.mu.Lock()
	request := s.request(t.pacer.now())
	t.mu.Unlock()
	if len(request.ReportedDevice.Twins) == 0 {
		return nil // another Spec has come
	}
	err := t.reports.ReportStatus(ctx, request)
	t.mu.Lock()
	now := t.pacer.now()
	s.twinsTold(request, now, err)
	t.mu.Unlock()
	if err == nil {
		t.witness.TwinsReported(s.key, now)
	}
	return err
}

// judge tells the pacer of a report that was one too many, logs why reports
// fail when that is another reason than before, and returns it.
func (t *twins) judge(err error, before string) string {
	if err == nil {
		if before != "" {
			t.log.Info("EdgeCore takes reports again")
		}
		return ""
	}
	if errors.Is(err, errTooMany) {
		t.pacer.refused()
	}
	reason := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		reason = cause.Error() // err names the device, too
	}
	if reason != before {
		t.log.Error(err, "EdgeCore does not take reports: the newest values and states are kept for it")
	}
	return reason
}
