package cloudsvc

import (
	"slices"
	"time"
)

// Names cost a stranger nothing, so a new one must not cost a walk over all
// nodes. A walk finds room for a share of them, and is made once a while.
const (
	walkPause = time.Second
	walkShare = 16
)

// evict makes room for one node and tells whether it could. r.mu is held.
func (r *Registry) evict(now time.Time) bool {
	if len(r.longest) == 0 && !now.Before(r.nextWalk) {
		r.nextWalk = now.Add(walkPause)
		r.walk(now)
	}
	for len(r.longest) > 0 {
		id := r.longest[0]
		r.longest = r.longest[1:]
		if e := r.nodes[id]; e != nil && e.state(now, r.options.Expire) == Offline {
			r.forget(id, "made room for another node")
			return true
		}
	}
	return false
}

// makeRoom makes room for topics, as far as nodes that are offline can. r.mu is
// held.
func (r *Registry) makeRoom(topics int) {
	now := r.options.Now()
	for r.topics+topics > r.options.MaxAllTopics && r.evict(now) {
	}
}

// mayBeListed tells whether there is room for the topics of a registration,
// and makes some. r.mu is held.
func (r *Registry) mayBeListed(registration *Registration) bool {
	r.makeRoom(len(registration.Topics))
	had := 0
	if e := r.nodes[registration.ID]; e != nil {
		had = len(e.declared)
	}
	return len(registration.Topics) <= had || r.topics+len(registration.Topics)-had <= r.options.MaxAllTopics
}

// walk finds those that are to make room next. r.mu is held.
func (r *Registry) walk(now time.Time) {
	type candidate struct {
		id       string
		lastSeen time.Time
	}
	var offline []candidate
	for id, e := range r.nodes {
		if e.state(now, r.options.Expire) == Offline {
			offline = append(offline, candidate{id, e.lastSeen})
		}
	}
	if len(offline) == 0 {
		r.options.Logger.Info("nodes or topics are refused: the registry is full and all its nodes are online",
			"nodes", len(r.nodes), "topics", r.topics, "nodesRefusedBefore", r.counts.nodesRefused)
		return
	}
	slices.SortFunc(offline, func(a, b candidate) int { return a.lastSeen.Compare(b.lastSeen) })
	for _, c := range offline[:min(len(offline), r.options.MaxNodes/walkShare+1)] {
		r.longest = append(r.longest, c.id)
	}
	r.options.Logger.Info("the registry is full: the nodes that are offline longest make room for others",
		"nodes", len(r.nodes), "topics", r.topics, "offline", len(offline))
}

// forget takes a node out. r.mu is held.
func (r *Registry) forget(id, reason string) {
	r.options.Logger.V(1).Info("node forgotten", "node", id, "reason", reason, "lastSeen", r.nodes[id].lastSeen)
	r.topics -= len(r.nodes[id].declared) + len(r.nodes[id].published)
	delete(r.nodes, id)
	r.counts.nodesForgotten++
}
