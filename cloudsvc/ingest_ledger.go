package cloudsvc

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

var _ Auditor = (*Ingest)(nil)

// Ledger counts what came of a publisher's messages, or of everybody's, and
// proves it from the log: from what is in there, not from what this process
// remembers. One ledger is made at a time.
func (i *Ingest) Ledger(ctx context.Context, publisher string) (ledger.Ledger, error) {
	if err := i.audits.Acquire(ctx, 1); err != nil {
		return ledger.Ledger{}, err
	}
	defer i.audits.Release(1)
	told := i.reports(publisher) // before the log is read: it has no less than they tell, or that is on its way
	l := ledger.Ledger{Since: i.since, Log: make(map[dataplane.Class]ledger.Reading)}
	a := audit{publisher: publisher, shelved: len(i.options.Shelves) > 1, log: i.options.Log, packer: i.packer, lanes: make(map[laneKey]*ledger.Lane)}
	for _, c := range dataplane.Classes {
		r, err := a.read(ctx, c)
		if err != nil {
			return ledger.Ledger{}, fmt.Errorf("read the log of %v for the ledger: %w", c, err)
		}
		l.Log[c] = r
	}
	var counted map[laneKey]ledger.Counts
	counted, l.Others = i.dispatcher.counts.snapshot()
	l.Accounts = []ledger.Account{}
	for _, key := range accountKeys(publisher, a.lanes, counted, told) {
		l.Accounts = append(l.Accounts, i.account(key, &a, l.Log[key.class], counted[key], told[key.publisher]))
	}
	return l, nil
}

// accountKeys returns the lanes that there is something to say of, sorted.
func accountKeys(publisher string, lanes map[laneKey]*ledger.Lane, counted map[laneKey]ledger.Counts, told map[string]*dataplane.Report) []laneKey {
	all := make(map[laneKey]struct{})
	for key := range lanes {
		all[key] = struct{}{}
	}
	for key := range counted {
		if publisher == "" || publisher == key.publisher {
			all[key] = struct{}{}
		}
	}
	for name, report := range told {
		for c := range report.Classes {
			all[laneKey{name, c}] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b laneKey) int {
		return cmp.Or(strings.Compare(a.publisher, b.publisher), cmp.Compare(a.class, b.class))
	})
}

// account makes the account of one lane.
func (i *Ingest) account(key laneKey, a *audit, log ledger.Reading, n ledger.Counts, report *dataplane.Report) ledger.Account {
	account := ledger.Account{Publisher: key.publisher, Class: key.class, Counts: n}
	known := ledger.Known{Trimmed: log.Trimmed(), Cut: !log.Complete()}
	if node, is := i.options.Registry.node(key.publisher); is {
		known.Online = node.State == Online
	}
	if report != nil {
		if c, is := report.Classes[key.class]; is {
			known.Epoch, known.Last = c.Epoch, c.Last
			account.Edge = &ledger.Edge{Started: report.Started, Time: report.Time, Storage: report.Spool.Storage, EdgeCount: c}
		}
	}
	if isNumbered(key.publisher) {
		known.Numbered = strings.HasPrefix(key.publisher, httpNode+"/") || key.publisher == eventPublisher
		known.Epoch, known.Last = i.numbered(key)
		known.Online = known.Epoch > 0
	}
	account.Epochs = a.lane(key).Prove(known)
	return account
}

// numbered returns the last place that cloudsvc itself gave in a lane; zero if
// it gives none now.
func (i *Ingest) numbered(key laneKey) (epoch, last uint64) {
	i.mu.Lock()
	n := i.numberings[key.publisher]
	i.mu.Unlock()
	if n == nil {
		return 0, 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.epoch, n.seqs[key.class]
}

// reports returns what publishers told last.
func (i *Ingest) reports(publisher string) map[string]*dataplane.Report {
	names := []string{publisher}
	if publisher == "" {
		names = i.options.Registry.ids()
	}
	told := make(map[string]*dataplane.Report)
	for _, name := range names {
		if report := i.options.Registry.Report(name); report != nil {
			told[name] = report
		}
	}
	return told
}
