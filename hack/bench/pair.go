package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"datastub/cloudsvc/load"
)

// arriveTime bounds how long what was sent may take to arrive, and how long a
// role may take to be ready.
const arriveTime = 20 * time.Second

// A pair is the sink of a path and, unless the mapper is that, its source.
type pair struct {
	sink, source *actor // source may be nil
	copies       uint64 // how often the sink receives each message
	listening    sync.WaitGroup
	ready        chan struct{} // one token a role
	sent         chan load.Sent
	results      chan load.Result
	ended        chan string // holds the name of a role that ended

	mu       sync.Mutex
	received uint64
	changed  chan struct{} // closed when received changes
}

// startPair starts the sink, then the source; with no window there is none.
func startPair(ctx context.Context, sink, source setup, log *os.File) (_ *pair, err error) {
	p := &pair{
		copies: sink.copies(),
		ready:  make(chan struct{}, 2), sent: make(chan load.Sent, 1), results: make(chan load.Result, 1),
		ended: make(chan string, 2), changed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.sink, err = startActor("sink", sink, log); err != nil {
		return nil, err
	}
	if source.Window > 0 {
		if p.source, err = startActor("source", source, log); err != nil {
			return nil, err
		}
	}
	for _, a := range p.actors() {
		p.listening.Go(func() { p.listen(a) })
	}
	for range p.actors() {
		if _, err = await(ctx, p, p.ready, "a role to be ready"); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// actors returns the source, if there is one, and the sink.
func (p *pair) actors() []*actor {
	if p.source == nil {
		return []*actor{p.sink}
	}
	return []*actor{p.source, p.sink}
}

// listen takes what a role says, and tells the source what the sink has.
func (p *pair) listen(a *actor) {
	for said := range a.answers {
		switch {
		case said.Ready:
			p.ready <- struct{}{}
		case said.Sent != nil:
			p.sent <- *said.Sent
		case said.Result != nil:
			p.results <- *said.Result
		default:
			p.note(said.Received)
			if p.source != nil {
				_ = p.source.tell(order{Received: said.Received / p.copies}) // if it has ended, that is known otherwise
			}
		}
	}
	p.ended <- a.name
}

func (p *pair) note(received uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = received
	close(p.changed)
	p.changed = make(chan struct{})
}

// state returns how much the sink has, and what is closed when that changes.
func (p *pair) state() (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received, p.changed
}

// arrive waits until the sink has as many messages, or no more come.
func (p *pair) arrive(ctx context.Context, want uint64) error {
	for {
		received, changed := p.state()
		if received >= want {
			return nil
		}
		if _, err := await(ctx, p, changed, fmt.Sprintf("message %d of %d", received+1, want)); err != nil {
			return err
		}
	}
}

// cut asks the sink for the result.
func (p *pair) cut(ctx context.Context) (load.Result, error) {
	if err := p.sink.tell(order{Cut: true}); err != nil {
		return load.Result{}, err
	}
	r, err := await(ctx, p, p.results, "the sink's result")
	if err == nil && !r.Complete() {
		err = fmt.Errorf("%s: of %d messages %d are missing, %d came twice, %d out of order, %d out of their series",
			p.sink.name, r.Received, r.Missing, r.Duplicates, r.OutOfOrder, r.Broken)
	}
	return r, err
}

// send has the source send, waits until all has arrived, and returns what did.
func (p *pair) send(ctx context.Context, o load.Order) (load.Sent, load.Result, error) {
	before, _ := p.state()
	if err := p.source.tell(order{Send: &o}); err != nil {
		return load.Sent{}, load.Result{}, err
	}
	sending, cancel := context.WithTimeout(ctx, o.For+arriveTime)
	defer cancel()
	var sent load.Sent
	select {
	case sent = <-p.sent:
	case name := <-p.ended:
		return sent, load.Result{}, fmt.Errorf("the %s ended", name)
	case <-sending.Done():
		return sent, load.Result{}, fmt.Errorf("the %s was not done: %w", p.source.name, sending.Err())
	}
	if err := p.arrive(ctx, before+sent.Count*p.copies); err != nil {
		return sent, load.Result{}, err
	}
	r, err := p.cut(ctx)
	if err == nil && r.Received != sent.Count*p.copies {
		err = fmt.Errorf("%s: %d messages, want %d, each %d times", p.sink.name, r.Received, sent.Count, p.copies)
	}
	return sent, r, err
}

// stop ends both.
func (p *pair) stop() error {
	var errs []error
	if p.sink != nil {
		for _, a := range p.actors() {
			errs = append(errs, a.stop())
		}
	}
	p.listening.Wait()
	return errors.Join(errs...)
}

// await waits for what a role says.
func await[T any](ctx context.Context, p *pair, said <-chan T, what string) (T, error) {
	timeout := time.NewTimer(arriveTime)
	defer timeout.Stop()
	var none T
	select {
	case v := <-said:
		return v, nil
	case name := <-p.ended:
		return none, fmt.Errorf("the %s ended", name)
	case <-timeout.C:
		return none, fmt.Errorf("waited %v for %s at the %s", arriveTime, what, p.sink.name)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
