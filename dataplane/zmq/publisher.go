package zmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// drainTime is how long a Publisher that is stopped tries to deliver what it
// holds: a mapper has 5 s for everything, of which the spool may need one where
// its disk does not answer.
const drainTime = 3 * time.Second

// quietTime is how long a spool that was full must not have dropped anything
// before it is said to have room again.
const quietTime = 10 * time.Second

// batchesPerSpool is how many batches a spool holds at least. In memory a record
// takes several times of what it counts for in a batch.
const batchesPerSpool = 32

// PublisherOptions describe a Publisher.
type PublisherOptions struct {
	Node, Mapper string // the publisher is <node>/<mapper>
	Uplink       string // cloudsvc's ROUTER, a ZeroMQ endpoint such as tcp://cloud:5557
	LAN          string // where to bind the PUB; empty: none
	LANText      bool   // "topic SP json" in one frame instead of address and JSON
	Batch        uplink.BatchPolicy
	MaxRate      uint64 // bytes a second that the uplink may take, of both lanes together; 0: no limit
	BackfillRate uint64 // bytes a second of these for BT that an outage held up; 0: no limit
	Spool        spool.Storage
	// Intake counts what becomes of values until Publish: how many were read,
	// filtered and refused. Nil: what is accepted was read, and nothing else.
	Intake   func(dataplane.Class) dataplane.EdgeCount
	Software string // for people, in cloudsvc's list of nodes
	Logger   klog.Logger
}

func (o *PublisherOptions) validate() error {
	var errs []error
	if o.Uplink == "" {
		errs = append(errs, errors.New("uplink is empty: want cloudsvc's endpoint, such as tcp://cloud:5557"))
	}
	if o.Batch.MaxCount < 1 || o.Batch.MaxCount > dataplane.MaxBatch {
		errs = append(errs, fmt.Errorf("batch of %d records: want 1 to %d", o.Batch.MaxCount, dataplane.MaxBatch))
	}
	if o.Batch.MaxBytes < 1 || o.Batch.MaxAge <= 0 {
		errs = append(errs, fmt.Errorf("batch of %d bytes and %v: want more than 0", o.Batch.MaxBytes, o.Batch.MaxAge))
	}
	return errors.Join(errs...)
}

// A Publisher is the edge's end of the data plane. What Publish accepts is
// sent to cloudsvc, again after any break until it is acknowledged, and
// offered to the LAN.
type Publisher struct {
	zctx  *zmq.Context
	spool *spool.Spool
	lanes map[dataplane.Class]*lane
	pacer *uplink.Pacer
	lan   *lan // nil: there is none
	log   klog.Logger

	started   time.Time
	intake    func(dataplane.Class) dataplane.EdgeCount
	events    eventCount
	condition chan struct{} // holds one token while the spool's condition may be another
	clock     uplink.Clock
	skew      skew // the RT lane's

	mu        sync.Mutex
	dropped   int       // by the spool, at the last publish
	droppedAt time.Time // when it last dropped some; zero: it is not full
}

// NewPublisher opens the spool and binds the LAN socket. Nothing is dialled
// before Run, which gives back what NewPublisher took, or Close where Run is not
// called.
func NewPublisher(o PublisherOptions) (*Publisher, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	packer, err := dataplane.NewPacker()
	if err != nil {
		return nil, err
	}
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, fmt.Errorf("make a ZeroMQ context: %w", err)
	}
	p := &Publisher{
		log: o.Logger, zctx: zctx, lanes: make(map[dataplane.Class]*lane),
		started: time.Now(), intake: o.Intake, condition: make(chan struct{}, 1),
	}
	if err := p.open(o, packer); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Publisher) open(o PublisherOptions, packer *dataplane.Packer) error {
	wakers := make(map[dataplane.Class]*waker)
	for _, c := range dataplane.Classes {
		waker, err := newWaker(p.zctx, c.String())
		if err != nil {
			return err
		}
		wakers[c] = waker
		p.lanes[c] = &lane{waker: waker}
	}
	// A spool that is small must not be full before a batch is.
	o.Batch.MaxBytes = min(o.Batch.MaxBytes, max(int(o.Spool.MaxBytes/batchesPerSpool), 1))
	var err error
	p.spool, err = spool.Open(spool.Options{
		Publisher: o.Node + "/" + o.Mapper, Storage: o.Spool, Now: time.Now, Logger: o.Logger,
		Wake: func(c dataplane.Class) { wakers[c].wake() },
		Changed: func() {
			select {
			case p.condition <- struct{}{}:
			default: // it will be looked at anyway
			}
		},
	})
	if err != nil {
		return err
	}
	p.pacer = uplink.NewPacer(uplink.PacerOptions{
		MaxRate: o.MaxRate, BackfillRate: o.BackfillRate, Wake: func(c dataplane.Class) { wakers[c].wake() },
	})
	for _, c := range dataplane.Classes {
		p.lanes[c] = &lane{
			zctx: p.zctx, endpoint: o.Uplink, waker: wakers[c], kept: p.spool.Safe, log: o.Logger, random: jitter, hurry: make(chan struct{}, 1),
			options: uplink.SenderOptions{
				Publisher: o.Node + "/" + o.Mapper, Lane: c, Software: o.Software,
				Queue: p.spool.Lane(c), Packer: packer, Batch: o.Batch,
				Counts: new(uplink.Counts), Pacer: p.pacer,
			},
		}
	}
	rt := p.lanes[dataplane.RT]
	rt.options.Clock, rt.options.Report, rt.compared = &p.clock, p.report, p.compared
	rt.other, p.lanes[dataplane.BT].other = p.lanes[dataplane.BT], rt
	if o.LAN == "" {
		return nil
	}
	p.lan, err = newLAN(p.zctx, o.LAN, o.LANText)
	return err
}

// Close gives back what NewPublisher took, where Run is not called.
func (p *Publisher) Close() {
	for _, l := range p.lanes {
		l.waker.close()
	}
	if p.lan != nil {
		_ = p.lan.socket.Close()
	}
	_ = p.zctx.Term()
	if p.spool != nil {
		_ = p.spool.Close()
	}
}

// Publish accepts messages, all or none, and gives each its ID, Node and Seq.
// It never waits for the network, nor for more than 100 ms for the disk, and may
// be called from many goroutines. An error says what is wrong with which
// message.
func (p *Publisher) Publish(messages []dataplane.Message) error {
	if len(messages) == 0 {
		return nil
	}
	if err := p.spool.Append(messages); err != nil {
		return err
	}
	p.noteDrops(time.Now())
	var rt, bt bool
	for i := range messages {
		rt = rt || messages[i].Class == dataplane.RT
		bt = bt || messages[i].Class == dataplane.BT
	}
	if rt {
		p.lanes[dataplane.RT].waker.wake()
	}
	if bt {
		p.lanes[dataplane.BT].waker.wake()
	}
	if p.lan != nil {
		p.lan.offer(messages)
	}
	return nil
}

// Settle waits until what was accepted is on disk, where there is one; while
// that is slow, for a second, and not at all once it is told that it fails. An
// error is the context's.
func (p *Publisher) Settle(ctx context.Context) error { return p.spool.Settle(ctx) }

// Run dials cloudsvc and works until ctx ends, or a part of it cannot go on;
// then it delivers what is held, for 3 s at most, and returns. What is on disk is
// delivered after the next start where cloudsvc is away. Run is called once.
func (p *Publisher) Run(ctx context.Context) error {
	g, working := errgroup.WithContext(ctx)
	// What is held is delivered after ctx has ended, for a bounded time.
	giveUp, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(working, func() { time.AfterFunc(drainTime, cancel) })()
	for _, l := range p.lanes {
		g.Go(func() error { return l.run(working, giveUp) })
	}
	if p.lan != nil {
		g.Go(func() error { return p.lan.run(working) })
	}
	g.Go(func() error { p.watchSpool(working); return nil })
	return errors.Join(g.Wait(), p.spool.Close(), p.zctx.Term())
}

// Connected tells whether cloudsvc has granted a lane a session.
func (p *Publisher) Connected(c dataplane.Class) bool { return p.lanes[c].connected.Load() }

// Undelivered returns how many accepted records cloudsvc is not known to have
// stored. It is to be called after Run.
func (p *Publisher) Undelivered() int {
	n := 0
	for _, l := range p.lanes {
		n += l.undelivered()
	}
	return n
}

// Kept returns how many of the undelivered records are on disk: they are sent
// after the next start. It is to be called after Run.
func (p *Publisher) Kept() int {
	if !p.spool.OnDisk() {
		return 0
	}
	return max(p.Undelivered()-p.spool.Unwritten(), 0)
}

// noteDrops logs when the spool begins to drop records, and when it has not
// had to for quietTime.
func (p *Publisher) noteDrops(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	dropped := p.Dropped()
	switch {
	case dropped > p.dropped:
		if p.droppedAt.IsZero() {
			p.log.Info("Spool is full: the oldest records are dropped, BT first; cloudsvc gets a gap in their place")
		}
		p.dropped, p.droppedAt = dropped, now
	case !p.droppedAt.IsZero() && now.Sub(p.droppedAt) >= quietTime:
		p.droppedAt = time.Time{}
		p.log.Info("Spool has room again", "dropped", dropped)
	}
}

// Dropped returns how many accepted records were dropped because the spool
// was full.
func (p *Publisher) Dropped() int {
	return int(p.spool.Dropped())
}

// LANDropped returns how many messages the LAN's subscribers could not get,
// because they came faster than the socket took them.
func (p *Publisher) LANDropped() int {
	if p.lan == nil {
		return 0
	}
	return int(p.lan.dropped.Load())
}
