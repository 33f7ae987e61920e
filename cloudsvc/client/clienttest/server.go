// Package clienttest serves cloudsvc's real API to tests of its clients, over
// a log that keeps nothing: what is published is delivered at once.
package clienttest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc"
	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

// Time is what the server's clock shows, always.
var Time = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// A Server is cloudsvc's API behind a real listener.
type Server struct {
	URL      string
	Registry *cloudsvc.Registry

	publisher *publisher
	letters   *letters
	stop      func()
}

// Start serves at a TCP address, of which port 0 is a free one, until Stop or
// the end of the test.
func Start(t testing.TB, address string) *Server {
	t.Helper()
	now := func() time.Time { return Time }
	s := &Server{Registry: cloudsvc.NewRegistry(cloudsvc.RegistryOptions{Now: now})}
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	metrics := cloudsvc.NewMetrics(prometheus.NewRegistry())
	history := cloudsvc.NewHistory(emptyLog{}, packer, metrics)
	dispatcher := cloudsvc.NewDispatcher(cloudsvc.Position{Incarnation: 1}, history, metrics)
	s.publisher = &publisher{
		dispatcher: dispatcher, lanes: make(map[dataplane.Class]*ledger.Lane), seqs: make(map[dataplane.Class]uint64),
	}
	s.letters = new(letters)
	hooks, err := cloudsvc.NewHooks(t.Context(), cloudsvc.HooksOptions{
		Dispatcher: dispatcher, Store: noHooks{}, DeadLetters: s.letters, Sender: noHooks{}, Handshaker: noHooks{},
	})
	if err != nil {
		t.Fatal(err)
	}
	api, err := cloudsvc.NewAPI(cloudsvc.APIOptions{
		Registry: s.Registry, Dispatcher: dispatcher, Publisher: s.publisher, Gaps: s.publisher, Ledger: s.publisher, Hooks: hooks,
		Ready: func() error { return nil }, Metrics: http.NotFoundHandler(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := cloudsvc.NewServer(address, api)
	if err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + server.Addr().String()
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its cleanups
	var delivering sync.WaitGroup
	delivering.Go(func() {
		if err := hooks.Run(ctx); err != nil {
			t.Errorf("Run hooks: %v", err)
		}
	})
	done := make(chan error, 1) // Run's one result
	go func() { done <- server.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		delivering.Wait()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// Stop shuts the server down and waits for its end; a second time does
// nothing.
func (s *Server) Stop() { s.stop() }

// Lose tells subscribers of gaps, and lists them whatever is asked for.
func (s *Server) Lose(gaps ...cloudsvc.Gap) {
	p := s.publisher
	p.mu.Lock()
	defer p.mu.Unlock()
	placed := make([]cloudsvc.BlockGap, len(gaps))
	for i, g := range gaps {
		placed[i] = cloudsvc.BlockGap{Gap: g}
	}
	p.gaps = append(p.gaps, gaps...)
	p.dispatcher.Deliver(dataplane.RT, p.seq, nil, placed)
}

// Bury keeps a dead letter.
func (s *Server) Bury(d *cloudsvc.DeadLetter) { _ = s.letters.Bury(context.Background(), d) } // which does not fail

// publisher numbers messages from 1 in each class, and delivers them at once.
type publisher struct {
	dispatcher *cloudsvc.Dispatcher

	mu    sync.Mutex
	seq   uint64 // of blocks
	lanes map[dataplane.Class]*ledger.Lane
	seqs  map[dataplane.Class]uint64
	gaps  []cloudsvc.Gap
}

var (
	_ cloudsvc.Publisher = (*publisher)(nil)
	_ cloudsvc.GapLister = (*publisher)(nil)
	_ cloudsvc.Auditor   = (*publisher)(nil)
)

// Ledger proves what was published, by whomever.
func (p *publisher) Ledger(context.Context, string) (ledger.Ledger, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := ledger.Ledger{Since: Time}
	for _, c := range dataplane.Classes {
		if lane := p.lanes[c]; lane != nil {
			l.Accounts = append(l.Accounts, ledger.Account{
				Publisher: "http/anonymous", Class: c, Epochs: lane.Prove(ledger.Known{Online: true, Epoch: 1, Last: p.seqs[c]}),
			})
		}
	}
	return l, nil
}

// Gaps returns what Lose was given, and keeps to the limit.
func (p *publisher) Gaps(_ context.Context, q cloudsvc.GapQuery) (cloudsvc.GapList, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.gaps), q.Limit)
	return cloudsvc.GapList{Gaps: append([]cloudsvc.Gap{}, p.gaps[:n]...), More: len(p.gaps) - n, Complete: true}, nil
}

// PublishOnce does what Publish does, whatever the key is.
func (p *publisher) PublishOnce(ctx context.Context, identity cloudsvc.Identity, _ cloudsvc.RequestKey, messages []dataplane.Message) ([]dataplane.ID, error) {
	return p.Publish(ctx, identity, messages)
}

// Publish gives no Node and no Seq.
func (p *publisher) Publish(_ context.Context, identity cloudsvc.Identity, messages []dataplane.Message) ([]dataplane.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]dataplane.ID, len(messages))
	p.seq++
	for i := range messages {
		class := messages[i].Class
		p.seqs[class]++
		p.lane(class).Stored(1, ledger.Span{From: p.seqs[class], To: p.seqs[class]})
		messages[i].ID = dataplane.ID{Publisher: "http/" + string(identity), Class: class, Epoch: 1, Seq: p.seqs[class]}
		ids[i] = messages[i].ID
	}
	p.dispatcher.Deliver(dataplane.RT, p.seq, messages, nil)
	return ids, nil
}

// lane returns a class's account. p.mu is held.
func (p *publisher) lane(c dataplane.Class) *ledger.Lane {
	if p.lanes[c] == nil {
		p.lanes[c] = new(ledger.Lane)
	}
	return p.lanes[c]
}
