package coap

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	coapclient "github.com/plgd-dev/go-coap/v3/net/client"
	"github.com/plgd-dev/go-coap/v3/udp/client"

	"datastub/driver"
)

// The random time after Max-Age in which nobody registers anew, RFC 7641 section
// 3.3.1: many notifications are only late.
const (
	minGrace = 5 * time.Second
	maxGrace = 15 * time.Second
)

// A watch is the observation of one resource, whichever of its points are
// observed. Its fields belong to the goroutine of Observe but where they say
// otherwise.
type watch struct {
	observation *observation
	resource    resource
	points      []*point

	conn       *client.Conn // on which it is registered; nil: on none
	token      message.Token
	registered coapclient.Observation // the library's side of it

	due   time.Time      // when to register anew; guarded by observation.mu
	retry driver.Backoff // guarded by observation.mu
	stale bool           // what came was not whole; guarded by observation.mu
}

// renew registers, if that is due or the connection has ended.
func (w *watch) renew(ctx context.Context) {
	if w.conn != nil && w.conn.Context().Err() != nil {
		w.conn, w.registered = nil, nil
		w.put(time.Time{})
	}
	d := w.observation.device
	now := d.options.Now()
	if !w.begin(now) {
		return
	}
	if err := d.do(ctx, w.register); err != nil {
		w.observation.mu.Lock()
		defer w.observation.mu.Unlock()
		w.fail(d.options.Now(), err)
	}
}

// begin tells whether it is due. Then it is again when no answer has come in
// time, and hear says better.
func (w *watch) begin(now time.Time) bool {
	w.observation.mu.Lock()
	defer w.observation.mu.Unlock()
	if w.due.After(now) {
		return false
	}
	w.due = now.Add(w.observation.device.config.patience() + minGrace)
	return true
}

func (w *watch) put(due time.Time) {
	w.observation.mu.Lock()
	defer w.observation.mu.Unlock()
	w.due = due
}

// fail has it tried again later. It is called with mu held.
func (w *watch) fail(now time.Time, cause error) {
	w.retry.Fail(now, 0, cause, w.observation.device.options.Rand())
	w.due = w.retry.Next()
}

// register is a request. It has the token of the last one, so that a device that
// remembers that one does not tell everything twice.
func (w *watch) register(ctx context.Context, conn *client.Conn) error {
	w.forget()
	m, err := newGet(ctx, conn, w.resource)
	if err != nil {
		return err
	}
	defer conn.ReleaseMessage(m)
	m.SetObserve(0)
	if w.token == nil {
		w.token = append(message.Token(nil), m.Token()...)
	}
	m.SetToken(w.token)
	registered, err := conn.DoObserve(m, w.hear)
	switch {
	case err == nil:
		w.conn, w.registered = conn, registered
	case refusedBy(ctx, conn, err):
		err = nil // the device is there, and hear has told
	}
	return err
}

// refusedBy tells whether a registration failed as the device answered that it
// does. The library tells that by words alone: what else may happen ends the
// context or the connection, or is the socket's.
func refusedBy(ctx context.Context, conn *client.Conn, err error) bool {
	_, ofSocket := errors.AsType[*net.OpError](err)
	return ctx.Err() == nil && conn.Context().Err() == nil && !ofSocket
}

// hear takes an answer to the registration, or a notification. It is called by
// the library, and does not keep the message.
func (w *watch) hear(m *pool.Message) {
	o := w.observation
	options := o.device.options
	a := newAnswer(m, options.Now())
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	switch {
	case a.refusal != nil: // with which observation ends: RFC 7641 section 4.2
		w.fail(a.at, a.refusal)
		w.wake()
	default:
		grace := minGrace + time.Duration(options.Rand()*float64(maxGrace-minGrace))
		w.retry, w.due = driver.Backoff{}, a.at.Add(a.maxAge+grace)
	}
	if a.partial {
		w.stale = true
		w.wake()
		return
	}
	w.tell(a)
}

// tell tells each point's reading of an answer. It is called with mu held.
func (w *watch) tell(a answer) {
	for _, p := range w.points {
		w.observation.news(p, p.reading(a))
	}
}

// fetch asks for what came but in part. If that fails the connection is lost,
// and renew asks.
func (w *watch) fetch(ctx context.Context) {
	o := w.observation
	o.mu.Lock()
	stale := w.stale
	w.stale = false
	o.mu.Unlock()
	if !stale {
		return
	}
	a, err := o.device.get(ctx, w.resource)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && !o.over {
		w.tell(a)
	}
}

// wake has Observe look when the watch is due, and whether it is stale.
func (w *watch) wake() {
	select {
	case w.observation.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// forget has the library let go of an earlier registration. It asks the device
// to forget, too, unless the context has ended, as this one has.
func (w *watch) forget() {
	if w.registered == nil {
		return
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.registered.Cancel(ended) // says that the context has ended
	w.conn, w.registered = nil, nil
}

// cancel tells the device that nobody observes any more, RFC 7641 section 3.6,
// and does not wait for an answer: if it gets lost, the device will find out.
func (w *watch) cancel() {
	conn := w.conn
	if conn == nil || conn.Context().Err() != nil {
		return
	}
	w.forget()
	m, err := newGet(conn.Context(), conn, w.resource)
	if err != nil {
		return
	}
	defer conn.ReleaseMessage(m)
	m.SetObserve(1)
	m.SetToken(w.token)
	m.SetType(message.NonConfirmable)
	_ = conn.WriteMessage(m) // as said above
}
