package cloudsvc

import (
	"context"
	"strings"
	"time"
)

// keepEvery is how often the Registry is looked at for producers that have
// expired, and people are told what was dropped.
const keepEvery = time.Second

// keep holds what is read to what is registered, until ctx ends.
func (p *Producers) keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		p.reconcile()
		p.tell()
		select {
		case <-ticker.C:
		case <-p.options.Registry.registered:
		case <-p.turned:
		case <-ctx.Done():
		}
	}
}

// reconcile begins to read who is registered now, and ends with who is not.
func (p *Producers) reconcile() {
	places := p.options.Registry.places()
	for _, id := range p.leave(places) {
		p.options.Registry.describe(id, "") // if it comes back, that begins anew
	}
	p.forget(places)
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, at := range places {
		from := p.byID[id]
		if from == nil {
			from = &producer{id: id, toldDrop: make(map[dropReason]bool)}
			from.toldConnection = from.connection() // as goes without saying
			p.byID[id] = from
			p.sources.Connect(id, at.address)
			p.options.Logger.Info("Producer is read", "producer", id, "address", at.address)
		}
		from.place = at
	}
}

// forget ends the numberings of those that left, once what they sent is stored.
func (p *Producers) forget(places map[string]place) {
	stay := make(map[string]struct{}, len(places))
	for id := range places {
		stay[producerName(id)] = struct{}{}
	}
	p.options.Ingest.forgetNumberings(func(publisher string) bool {
		_, stays := stay[publisher]
		return stays || !strings.HasPrefix(publisher, producerNode+"/")
	})
}

// leave ends with the producers that are not at their places any more, and
// returns their ids.
func (p *Producers) leave(places map[string]place) (left []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, was := range p.byID {
		if now, on := places[id]; !on || now.address != was.address {
			delete(p.byID, id)
			left = append(left, id)
			p.sources.Disconnect(id)
			p.options.Logger.Info("Producer is no longer read", "producer", id, "address", was.address)
		}
	}
	return left
}

// tell tells people what has changed: the Registry each change, the log a
// reason for drops once a connection.
func (p *Producers) tell() {
	details := make(map[string]string)
	now := p.options.Now()
	p.mu.Lock()
	for id, from := range p.byID {
		if detail := from.detail(now); detail != from.told {
			from.told, details[id] = detail, detail
		}
		if connection := from.connection(); connection != from.toldConnection {
			from.toldConnection = connection
			p.options.Logger.Info("Connection to a producer has changed", "producer", id, "now", connection)
		}
		if from.lastDrop != "" && !from.toldDrop[from.lastDrop] {
			from.toldDrop[from.lastDrop] = true
			p.options.Logger.Info("Messages of a producer are dropped", "producer", id, "reason", from.lastDrop, "last", from.refusal)
		}
	}
	p.mu.Unlock()
	for id, detail := range details {
		p.options.Registry.describe(id, detail)
	}
}
