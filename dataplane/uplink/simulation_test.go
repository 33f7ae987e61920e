package uplink_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// seeds is how many lives are simulated: few enough for every build. A change
// of the protocol is worth some thousand.
var seeds = flag.Uint64("seeds", 200, "lives that TestSimulation goes through")

// TestSimulation runs whole lives of publishers and a cloud over links that
// break in every way, one for each seed, and compares what the log got with
// what the publishers accepted.
func TestSimulation(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, newPacker(t), seed)
			w.live()
			w.heal()
			w.verify()
			w.close()
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// world is one simulation: its time, its cloud and its publishers.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	packer *dataplane.Packer
	now    time.Time
	healed bool

	options  uplink.ReceiverOptions
	receiver *uplink.Receiver
	accepted []*uplink.Accepted // and not stored
	log      []entry
	links    map[uplink.Peer]*link
	open     []*link // in the order in which they were opened

	publishers []*publisher
}

// entry is what the log holds, and since when.
type entry struct {
	*uplink.Accepted
	at time.Time
}

// publisher is a mapper, which may have been started more than once.
type publisher struct {
	name   string
	clock  time.Duration // how wrong it is
	dir    string        // of its spool; empty: in memory
	starts []*start
}

// start is a publisher's life from one start to the next; to its end where its
// spool is on disk.
type start struct {
	spool    *spool.Spool
	accepted [3][]dataplane.Message // by Class
	lanes    []*edge
}

// edge is one lane's connection, over and over again.
type edge struct {
	options uplink.SenderOptions
	sender  *uplink.Sender // nil: not connected
	link    *link
	retry   time.Time
}

func newWorld(t *testing.T, packer *dataplane.Packer, seed uint64) *world {
	w := &world{
		t: t, packer: packer, rng: rand.New(rand.NewPCG(seed, 1)),
		now:   time.Now(),
		links: make(map[uplink.Peer]*link),
	}
	session := uint64(0)
	w.options = uplink.ReceiverOptions{
		Packer:     packer,
		Budget:     []uint64{1, 2 << 10, 64 << 10, 16 << 20}[w.rng.IntN(4)],
		MaxWeight:  []uint64{0, 1, 4 << 10, 64 << 10}[w.rng.IntN(4)],
		DurableLag: []time.Duration{0, 0, 5 * time.Second, 2 * time.Minute}[w.rng.IntN(4)],
		Session:    func() uint64 { session++; return session },
		Control: func(string, *dataplane.Control) string {
			return []string{"", "malformed", dataplane.ControlUnsupported}[w.rng.IntN(3)]
		},
	}
	w.receiver = uplink.NewReceiver(w.options)
	for i := range 1 + w.rng.IntN(3) {
		p := &publisher{name: fmt.Sprintf("edge-%d/mapper", i)}
		if w.rng.IntN(4) == 0 {
			p.dir = w.t.TempDir()
		}
		w.publishers = append(w.publishers, p)
		w.start(p)
	}
	return w
}

// start starts a publisher anew; what was in its memory is gone.
func (w *world) start(p *publisher) {
	storage := spool.Storage{Dir: p.dir, MaxBytes: 1 << 20}
	if w.rng.IntN(2) == 0 {
		storage.MaxBytes = 10 << 10 // some 25 records
	}
	clock := p.clock
	m, err := spool.Open(spool.Options{
		Publisher: p.name, Storage: storage, Now: func() time.Time { return time.Now().Add(clock) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &start{spool: m}
	if p.dir != "" && len(p.starts) > 0 {
		s.accepted = p.current().accepted
		p.starts = nil
	}
	pacer := uplink.NewPacer(uplink.PacerOptions{
		MaxRate: []uint64{0, 0, 1 << 10, 64 << 10}[w.rng.IntN(4)], BackfillRate: []uint64{0, 0, 1 << 10}[w.rng.IntN(3)],
	})
	for _, lane := range dataplane.Classes {
		s.lanes = append(s.lanes, &edge{options: uplink.SenderOptions{
			Publisher: p.name, Lane: lane, Queue: m.Lane(lane), Packer: w.packer, Pacer: pacer,
			Batch: uplink.BatchPolicy{MaxCount: 8, MaxBytes: 4 << 10, MaxAge: 2 * time.Second},
		}})
	}
	s.lanes[0].options.Clock = new(uplink.Clock)
	s.lanes[0].options.Report = func() *dataplane.Report { return new(dataplane.Report) }
	p.starts = append(p.starts, s)
}

func (p *publisher) current() *start { return p.starts[len(p.starts)-1] }

// live is when everything happens to everybody.
func (w *world) live() {
	pauses := []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, time.Second, 11 * time.Second}
	for range 150 + w.rng.IntN(150) {
		w.disturb()
		for _, p := range w.publishers {
			if w.rng.IntN(2) == 0 {
				w.publish(p, 1+w.rng.IntN(12))
			}
		}
		w.step(pauses[w.rng.IntN(len(pauses))])
	}
}

// heal lets all that was disturbed come to rest, with little publishing, so
// that single frames that were lost are missed.
func (w *world) heal() {
	w.healed = true
	for _, l := range w.open {
		l.lossyUp, l.lossyDown = false, false
	}
	for i := range 3000 {
		if i < 300 && i%10 == 0 {
			for _, p := range w.publishers {
				w.publish(p, 1)
			}
		}
		w.step(100 * time.Millisecond)
		if i > 300 && w.drained() {
			return
		}
	}
	for _, p := range w.publishers {
		for _, e := range p.current().lanes {
			w.t.Logf("%s %v: connected %v, held %v, %+v", p.name, e.options.Lane, e.sender != nil, e.options.Queue.Held(), e.link)
		}
	}
	w.t.Errorf("not drained after %d steps; %d accepted are not stored", 3000, len(w.accepted))
}

func (w *world) drained() bool {
	for _, p := range w.publishers {
		for _, e := range p.current().lanes {
			if e.sender == nil || !e.sender.Idle() {
				return false
			}
		}
	}
	return len(w.accepted) == 0
}

// disturb does some harm, now and then.
func (w *world) disturb() {
	if n := len(w.open); n > 0 {
		l := w.open[w.rng.IntN(n)]
		switch w.rng.IntN(60) {
		case 0, 1:
			l.cut = true
		case 2:
			l.mute = true
		case 3:
			w.loosen(l)
		}
	}
	p := w.publishers[w.rng.IntN(len(w.publishers))]
	switch w.rng.IntN(150) {
	case 0:
		w.restart(p)
	case 1:
		p.clock -= time.Hour
		w.restart(p)
	case 2:
		w.reply(w.receiver.Goodbye("draining"))
		w.restartCloud(0)
	case 3:
		w.restartCloud(0)
	case 4:
		w.restartCloud(w.options.DurableLag)
	case 5:
		w.restoreCloud()
	}
}

// restoreCloud puts the cloud back to what it was at some time.
func (w *world) restoreCloud() {
	w.log, w.accepted = w.log[:w.rng.IntN(len(w.log)+1)], nil
	w.restartCloud(0)
}

// loosen makes a link lose single frames; the edge's only where credit is for
// more than one, so that others follow.
func (w *world) loosen(l *link) {
	l.lossyDown = true
	l.lossyUp = w.options.Budget >= 64<<10 && w.rng.IntN(2) == 0
}

// restart ends a publisher, with or without its links' ends being told.
func (w *world) restart(p *publisher) {
	silently := w.rng.IntN(3) == 0
	for _, e := range p.current().lanes {
		if e.link != nil {
			e.link.cut, e.link.mute = !silently, silently
		}
	}
	if p.dir != "" && w.rng.IntN(2) == 0 {
		synctest.Wait()
		dir := w.t.TempDir() // as it was when the publisher was killed
		if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
			w.t.Fatal(err)
		}
		p.dir = dir
	}
	w.closeSpool(p)
	w.start(p)
}

func (w *world) closeSpool(p *publisher) {
	if err := p.current().spool.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) close() {
	for _, p := range w.publishers {
		w.closeSpool(p)
	}
}

// restartCloud starts the cloud anew from its log, from which a power loss has
// taken what was stored within unsynced.
func (w *world) restartCloud(unsynced time.Duration) {
	for _, l := range w.open {
		l.cut = true
	}
	w.open = nil
	w.store(w.rng.IntN(len(w.accepted)+1), false) // stored, but the answer was lost
	w.accepted = nil
	for n := len(w.log); unsynced > 0 && n > 0 && w.log[n-1].at.Add(unsynced).After(w.now); n-- {
		w.log = w.log[:n-1]
	}
	w.receiver = uplink.NewReceiver(w.options)
	for _, e := range w.log {
		w.receiver.Restore(e.Publisher, e.Spool, e.Lane, e.Mark(), e.End != nil)
	}
}

func (w *world) publish(p *publisher, n int) {
	s := p.current()
	messages := make([]dataplane.Message, n)
	for i := range messages {
		lane := dataplane.Classes[w.rng.IntN(2)]
		messages[i] = dataplane.Message{
			Namespace: "default", Topic: "sensor/" + lane.String(), Device: fmt.Sprintf("d%d", w.rng.IntN(3)),
			Class: lane, Value: dataplane.IntValue(w.rng.Int64()), Time: w.now.Add(p.clock),
		}
	}
	if err := s.spool.Append(messages); err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		s.accepted[m.Class] = append(s.accepted[m.Class], m)
	}
}

// step moves time on and lets everybody do what there is to do.
func (w *world) step(pause time.Duration) {
	time.Sleep(pause)
	w.now = time.Now()
	synctest.Wait() // for what is read back
	for _, p := range w.publishers {
		for _, e := range p.current().lanes {
			w.stepEdge(e)
		}
	}
	w.stepCloud()
}

func (w *world) stepEdge(e *edge) {
	if e.sender == nil {
		if w.now.Before(e.retry) {
			return
		}
		e.link = &link{
			peer: uplink.Peer(fmt.Sprintf("link-%d", len(w.links))),
			rng:  rand.New(rand.NewPCG(w.rng.Uint64(), 2)),
		}
		if !w.healed && w.rng.IntN(8) == 0 {
			w.loosen(e.link)
		}
		w.links[e.link.peer] = e.link
		w.open = append(w.open, e.link)
		e.sender = uplink.NewSender(e.options, w.now)
	}
	if err := w.converse(e); err != nil {
		var end *uplink.EndError
		if errors.As(err, &end) {
			e.retry = w.now.Add(max(end.RetryAfter, time.Duration(w.rng.IntN(1000))*time.Millisecond))
		}
		e.sender = nil
		e.options.Pacer.Ended(e.options.Lane)
		if !e.link.mute {
			e.link.cut = true
		}
	}
}

func (w *world) converse(e *edge) error {
	if e.link.cut {
		return errors.New("cut")
	}
	for b := e.link.receive(&e.link.down, w.now); b != nil; b = e.link.receive(&e.link.down, w.now) {
		f, err := dataplane.DecodeFrame(b)
		if err != nil {
			w.t.Fatal(err)
		}
		e.link.granted(f)
		if err := e.sender.Receive(f, w.now); err != nil {
			return err
		}
	}
	for range 16 {
		b, err := e.sender.Next(w.now)
		if err != nil || b == nil {
			return err
		}
		f, err := dataplane.DecodeFrame(b)
		if err != nil {
			w.t.Fatal(err)
		}
		if !e.link.spends(b, f) {
			w.t.Errorf("%v sends %v beyond its credit of %d", e.options.Lane, f.Type(), e.link.credit)
		}
		e.link.sendUp(b, w.now)
	}
	return nil
}

func (w *world) stepCloud() {
	for _, l := range w.open {
		for b := l.receive(&l.up, w.now); b != nil; b = l.receive(&l.up, w.now) {
			replies, a := w.receiver.Receive(l.peer, b, w.now)
			w.reply(replies)
			if a != nil {
				w.accepted = append(w.accepted, a)
			}
		}
	}
	if w.rng.IntN(3) == 0 || w.healed {
		w.store((len(w.accepted)+w.rng.IntN(3))/2, true)
	}
	w.reply(w.receiver.Tick(w.now))
}

// store stores the first n that were accepted as a block.
func (w *world) store(n int, answer bool) {
	n = min(n, len(w.accepted))
	block := w.accepted[:n]
	w.accepted = w.accepted[n:]
	for _, a := range block {
		w.log = append(w.log, entry{a, w.now})
	}
	if answer {
		w.reply(w.receiver.Stored(block, w.now))
	}
}

func (w *world) reply(replies []uplink.Reply) {
	for _, r := range replies {
		l := w.links[r.To]
		if l.cut {
			w.receiver.Unreachable(r.To)
			continue
		}
		l.sendDown(dataplane.AppendFrame(nil, r.Frame), w.now)
	}
}

// verify compares the log with what was accepted.
func (w *world) verify() {
	for _, p := range w.publishers {
		for _, lane := range dataplane.Classes {
			w.verifyLane(p, lane)
		}
	}
}

// verifyLane follows a lane through the log: start by start, each from its
// first record on without a hole, the last one to its end.
func (w *world) verifyLane(p *publisher, lane dataplane.Class) {
	at, next := -1, 0
	var last dataplane.Mark
	ended := false // of last's epoch
	for _, e := range w.log {
		if e.Publisher != p.name || e.Lane != lane {
			continue
		}
		if e.End != nil {
			w.verifyEnd(e.Accepted, last, ended)
			last, ended = e.Mark(), true
			continue
		}
		if end := e.Mark(); end.Compare(last) <= 0 {
			w.t.Errorf("%s %v: %v follows %v", p.name, lane, end, last)
		}
		if e.Epoch == last.Epoch && ended {
			w.t.Errorf("%s %v: %d/%d-%d behind the end of the epoch", p.name, lane, e.Epoch, e.First, e.Last)
		}
		if e.Epoch != last.Epoch && last.Epoch != 0 && !ended {
			w.t.Errorf("%s %v: nothing tells how epoch %d ended, before %d", p.name, lane, last.Epoch, e.Epoch)
		}
		last, ended = e.Mark(), false
		for at < 0 || p.starts[at].spool.ID() != e.Spool {
			if at, next = at+1, 0; at == len(p.starts) {
				w.t.Fatalf("%s %v: spool %x comes again or from nowhere", p.name, lane, e.Spool)
			}
		}
		want := p.starts[at].accepted[lane][next:]
		n := int(e.Last-e.First) + 1
		if n > len(want) || e.First != want[0].ID.Seq && e.Epoch == want[0].ID.Epoch {
			w.t.Fatalf("%s %v: log has %d/%d-%d where record %d of %d is next", p.name, lane, e.Epoch, e.First, e.Last, next, next+len(want))
		}
		next += n
		w.verifyEntry(e.Accepted, want[:n])
	}
	if want := len(p.current().accepted[lane]); want > 0 && (at != len(p.starts)-1 || next != want) {
		w.t.Errorf("%s %v: log ends at start %d, record %d: want start %d, record %d", p.name, lane, at, next, len(p.starts)-1, want)
	}
}

// verifyEnd checks the end of an epoch: once, behind all of it. Of a spool on
// disk that was not killed it is certain, of one in memory it never is.
func (w *world) verifyEnd(a *uplink.Accepted, last dataplane.Mark, ended bool) {
	if a.Epoch < last.Epoch || a.Epoch == last.Epoch && (ended || a.Last != last.Seq) || a.Epoch > last.Epoch && a.Last != 0 {
		w.t.Errorf("%s %v: epoch %d ends with %d behind %v, ended before: %v", a.Publisher, a.Lane, a.Epoch, a.Last, last, ended)
	}
	if a.First != a.Last+1 || a.End.Unknown != (a.End.Reason != "") {
		w.t.Errorf("%s %v: the end %+v stands for %d to %d", a.Publisher, a.Lane, a.End, a.First, a.Last)
	}
	for _, p := range w.publishers {
		if p.name == a.Publisher && !a.End.Unknown && p.dir == "" {
			w.t.Errorf("%s %v: the end of epoch %d, in memory, is certain", a.Publisher, a.Lane, a.Epoch)
		}
	}
}

func (w *world) verifyEntry(a *uplink.Accepted, want []dataplane.Message) {
	if a.Gap != nil {
		if a.Gap.Reason == "the cloud lost what it had acknowledged" && a.Gap.Series == nil && a.Gap.From == a.First && a.Gap.To == a.Last {
			return
		}
		if got, want := a.Gap.Series, seriesOf(want); !reflect.DeepEqual(got, want) || a.Gap.From != a.First || a.Gap.To != a.Last {
			w.t.Errorf("%s %v: gap %d-%d (%s) of %v for %d-%d: want %v", a.Publisher, a.Lane, a.Gap.From, a.Gap.To, a.Gap.Reason, got, a.First, a.Last, want)
		}
		return
	}
	if len(a.Messages) != len(want) {
		w.t.Fatalf("%s %v: %d-%d has %d messages", a.Publisher, a.Lane, a.First, a.Last, len(a.Messages))
	}
	for i, got := range a.Messages {
		want := want[i]
		if want.ID.Epoch != a.Epoch { // a rebase has changed it
			want.ID.Epoch, want.ID.Seq = a.Epoch, a.First+uint64(i)
		}
		if got.ID != want.ID || got.Value != want.Value || got.Seq != want.Seq || got.Device != want.Device || !got.Time.Equal(want.Time) {
			w.t.Errorf("log has %+v: want %+v", got, want)
		}
	}
}
