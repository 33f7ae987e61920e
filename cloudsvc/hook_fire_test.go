package cloudsvc

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

var seeds = flag.Uint64("seeds", 20, "histories that TestHooksUnderFire plays")

// fireEnd is within which a history must have ended: a message may be given up
// after 28 h, and another one of its device that is never taken stand behind it.
const fireEnd = 200 * time.Hour

// TestHooksUnderFire plays histories in which a receiver answers at random, is
// down for hours, and wants nothing more now and then, while hooks are stopped
// and begun. Client, server, hooks and ingest are the real ones, on pipes and a
// log in memory, under the bubble's clock. What is delivered and what is dead add
// up to what was accepted, each once and each device's in order; and no try comes
// before its time, nor later than there was room for it.
func TestHooksUnderFire(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := startFire(t, seed)
				f.play(t)
				f.end(t)
				f.checkSums(t)
				f.checkOrder(t)
				f.checkHolds(t)
				f.checkTries(t)
				t.Logf("%d accepted, %d tries, %d dead letters in %v", len(f.accepted), len(f.tries), len(f.store.buried()), time.Since(f.began))
			})
		})
	}
}

// A fire is one history.
type fire struct {
	random   *rand.Rand
	cloud    *cloud
	store    *memoryHooks
	sender   *webhook.Sender
	server   *http.Server
	pipes    pipeListener
	running  sync.WaitGroup
	hook     Hook
	hooks    *Hooks
	stop     func()
	began    time.Time
	accepted map[string]bool // by id

	chance *rand.Rand // with mu held, as all that follows
	mu     sync.Mutex
	down   fireSpan // when it takes nothing
	poison string   // the value that it never takes
	tries  []*fireTry
	idle   []fireSpan // when nothing was to be tried
}

// A fireSpan is a time, both ends included.
type fireSpan struct{ from, to time.Time }

// A fireTry is a request that the receiver had.
type fireTry struct {
	id       string
	messages []fireMessage
	answer   *fireAnswer
	fireSpan
}

// A fireMessage is what the receiver reads of a message.
type fireMessage struct {
	ID, Device string
	Value      json.Number
}

// key is what tries are in order of.
func (f *fireTry) key() string {
	if strings.HasPrefix(f.id, "bat_") {
		return "batch"
	}
	return f.messages[0].Device
}

// brokenOff tells whether hooks ended before the answer did.
func (f *fireTry) brokenOff() bool {
	return f.answer.verdict == webhook.Retry && f.answer.status == 0 && f.answer.text == "" && f.to.Sub(f.from) < webhook.TryTime
}

// A fireAnswer is one of a receiver's, and what it is to mean.
type fireAnswer struct {
	verdict webhook.Verdict
	status  int           // 0: text is all that is written
	after   time.Duration // Retry-After
	text    string
}

var (
	fireTakes   = &fireAnswer{verdict: webhook.Done, status: 200}
	fireFails   = &fireAnswer{verdict: webhook.Retry, status: 500}
	fireGone    = &fireAnswer{verdict: webhook.Gone, status: 410}
	fireAnswers = []*fireAnswer{
		fireTakes, fireTakes, fireTakes, fireTakes, fireTakes, fireTakes, fireTakes, fireTakes, fireTakes, fireTakes,
		{verdict: webhook.Done, text: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a body"},
		fireFails,
		{verdict: webhook.Later, status: 429, after: 90 * time.Second},
		{verdict: webhook.Later, status: 503, after: time.Hour},
		{verdict: webhook.Retry, status: 429},
		{verdict: webhook.Refused, status: 307},
		{verdict: webhook.Refused, status: 400},
		{verdict: webhook.Retry, text: "HTTP/1.1 200 OK\r\nContent-Len"},
		{verdict: webhook.Retry}, // nothing
	}
)

func startFire(t *testing.T, seed uint64) *fire {
	t.Helper()
	f := &fire{
		random: rand.New(rand.NewPCG(seed, 1)), chance: rand.New(rand.NewPCG(seed, 2)),
		store: newMemoryHooks(), pipes: make(pipeListener), began: time.Now(), accepted: make(map[string]bool), poison: "-1",
	}
	if f.random.IntN(2) == 0 {
		f.poison = "2"
	}
	if f.random.IntN(2) == 0 {
		f.down.from = time.Now().Add(time.Duration(f.random.IntN(3600)) * time.Second)
		f.down.to = f.down.from.Add(time.Duration(f.random.IntN(1+30*f.random.IntN(2))) * time.Hour).Add(time.Hour)
	}
	f.cloud = startCloud(quiet(t.Context()), t, newMemoryLog(), nil)
	f.server = &http.Server{Handler: f}
	f.running.Go(func() { _ = f.server.Serve(f.pipes) })
	var err error
	if f.sender, err = webhook.NewSender(webhook.SenderOptions{Dial: f.pipes.dial, Agent: "datastub-test", Origin: "datastub.test"}); err != nil {
		t.Fatal(err)
	}
	f.begin(t)
	hook := testHook()
	hook.Topic, hook.Callback, hook.MaxInFlight = "#", "http://app.example.com/", 1+f.random.IntN(8)
	hook.Batch = &BatchLimits{MaxCount: 1 + f.random.IntN(10), MaxBytes: 64 << 10, MaxWait: 10 * time.Second}
	if f.hook, _, err = f.hooks.Create(t.Context(), hook, Start{}); err != nil {
		t.Fatal(err)
	}
	return f
}

// begin begins hooks on what is stored.
func (f *fire) begin(t *testing.T) {
	t.Helper()
	hooks, err := NewHooks(t.Context(), HooksOptions{Dispatcher: f.cloud.Dispatcher(), Store: f.store, DeadLetters: f.store, Sender: f, Handshaker: f.sender})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- hooks.Run(ctx) }()
	f.hooks = hooks
	f.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// play publishes for an hour or so, and lets time pass until all is done.
func (f *fire) play(t *testing.T) {
	t.Helper()
	restarts := f.random.IntN(2) * f.random.IntN(10)
	for n := range 40 {
		f.publish(t, n)
		time.Sleep(time.Duration(f.random.IntN(180_000)) * time.Millisecond)
		f.care(t)
		if f.random.IntN(40) < restarts {
			f.restart(t)
		}
	}
	for f.doneOrDead() < len(f.accepted) {
		if time.Since(f.began) > fireEnd {
			t.Fatalf("%d of %d are done after %v", f.doneOrDead(), len(f.accepted), fireEnd)
		}
		time.Sleep(time.Minute)
		if f.care(t); f.random.IntN(2000) < restarts {
			f.restart(t)
		}
	}
}

func (f *fire) publish(t *testing.T, n int) {
	t.Helper()
	var messages []dataplane.Message
	for i := range 1 + f.random.IntN(6) {
		m := testMessage("sensor/a")
		m.Device, m.Value = fmt.Sprint("device-", f.random.IntN(4)), dataplane.IntValue(int64(10*n+i))
		if f.random.IntN(3) == 0 {
			m.Class = dataplane.BT
		}
		messages = append(messages, m)
	}
	ids, err := f.cloud.Publish(t.Context(), "tester", messages)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		f.accepted[id.String()] = true
	}
}

// care resumes the hook where its receiver wanted nothing more.
func (f *fire) care(t *testing.T) {
	t.Helper()
	hook, err := f.hooks.Get(f.hook.ID)
	if err != nil {
		t.Fatal(err)
	}
	if hook.State != HookDisabled {
		return
	}
	if _, err := f.hooks.Change(t.Context(), hook.ID, func(h *Hook) error { h.State, h.Why = HookActive, ""; return nil }); err != nil {
		t.Fatal(err)
	}
	f.rest(fireSpan{to: time.Now().Add(graceTime)}, fireGone)
}

func (f *fire) restart(t *testing.T) {
	t.Helper()
	began := time.Now()
	f.stop()
	f.begin(t)
	f.rest(fireSpan{from: began, to: time.Now()}, nil)
}

// rest notes that nothing was to be tried for a time, which begins where the last
// try with an answer ended if it has no beginning.
func (f *fire) rest(s fireSpan, since *fireAnswer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, try := range f.tries {
		if since != nil && try.answer == since {
			s.from = try.to
		}
	}
	f.idle = append(f.idle, s)
}

// Send implements WebhookSender: it notes for how long a hook is not to try.
func (f *fire) Send(ctx context.Context, r *webhook.Request) (webhook.Outcome, error) {
	o, err := f.sender.Send(ctx, r)
	if err == nil && o.Verdict == webhook.Later {
		now := time.Now()
		f.rest(fireSpan{now, now.Add(longest(o.RetryAfter))}, nil)
	}
	return o, err
}

// longest is how long a wait may be with its jitter.
func longest(wait time.Duration) time.Duration { return wait * 12 / 10 }

// ServeHTTP is the receiver.
func (f *fire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch struct{ Messages []fireMessage }
	try := &fireTry{id: r.Header.Get("webhook-id"), messages: make([]fireMessage, 1), fireSpan: fireSpan{from: time.Now()}}
	if err == nil && json.Unmarshal(body, &batch) == nil && batch.Messages != nil {
		try.messages = batch.Messages
	} else if err == nil {
		err = json.Unmarshal(body, &try.messages[0])
	}
	if err != nil {
		panic(err) // of the real server: it is logged, and the sums are wrong
	}
	takes := f.begun(try)
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
	}
	defer f.ended(try)
	switch a := try.answer; {
	case a.status != 0:
		if a.after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(a.after/time.Second)))
		}
		w.Header().Set("Location", "http://elsewhere.example.com/")
		w.WriteHeader(a.status)
	case a.text != "":
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = io.WriteString(conn, a.text)
			_ = conn.Close()
		}
	default:
		<-r.Context().Done()
	}
}

// begun chooses an answer, and how long it takes.
func (f *fire) begun(try *fireTry) (takes time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries = append(f.tries, try)
	try.answer = fireAnswers[f.chance.IntN(len(fireAnswers))]
	switch now := time.Now(); {
	case !now.Before(f.down.from) && now.Before(f.down.to), try.messages[0].Value.String() == f.poison:
		try.answer = fireFails
	case f.chance.IntN(100) == 0:
		try.answer = fireGone
	}
	return time.Duration(f.chance.IntN(2000)) * time.Millisecond
}

func (f *fire) ended(try *fireTry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	try.to = time.Now()
}

// doneOrDead returns how many messages are.
func (f *fire) doneOrDead() (n int) {
	for _, d := range f.store.buried() {
		n += len(buriedMessages(&d.DeadLetter))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, try := range f.tries {
		if try.answer.verdict == webhook.Done && !try.to.IsZero() {
			n += len(try.messages)
		}
	}
	return n
}

// buriedMessages returns what is in a dead letter: a message, or a batch.
func buriedMessages(d *DeadLetter) []fireMessage {
	var batch struct{ Messages []fireMessage }
	if err := json.Unmarshal(d.Message, &batch); err == nil && batch.Messages != nil {
		return batch.Messages
	}
	one := make([]fireMessage, 1)
	if err := json.Unmarshal(d.Message, &one[0]); err != nil {
		panic(err) // of our own making
	}
	return one
}

func (f *fire) end(t *testing.T) {
	t.Helper()
	f.stop()
	f.sender.Close()
	if err := f.server.Close(); err != nil {
		t.Errorf("close the receiver: %v", err)
	}
	f.running.Wait()
	if err := f.cloud.end(); err != nil {
		t.Errorf("ingest: %v", err)
	}
}

// A pipeListener accepts what is dialled.
type pipeListener chan net.Conn

func (l pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l pipeListener) Accept() (net.Conn, error) {
	conn, open := <-l
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
