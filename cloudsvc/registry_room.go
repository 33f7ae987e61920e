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
		r.options.Logger.Info("nodes are refused: the registry is full and all its nodes are online",
			"nodes", len(r.nodes), "refusedBefore", r.counts.nodesRefused)
		return
	}
	slices.SortFunc(offline, func(a, b candidate) int { return a.lastSeen.Compare(b.lastSeen) })
	for _, c := range offline[:min(len(offline), r.options.MaxNodes/walkShare+1)] {
		r.longest = append(r.longest, c.id)
	}
	r.options.Logger.Info("the registry is full: the nodes that are offline longest make room for others",
		"nodes", len(r.nodes), "offline", len(offline))
}

// forget takes a node out. r.mu is held.
func (r *Registry) forget(id, reason string) {
	r.options.Logger.V(1).Info("node forgotten", "node", id, "reason", reason, "lastSeen", r.nodes[id].lastSeen)
	delete(r.nodes, id)
	r.counts.nodesForgotten++
}
