package cloudsvc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"datastub/dataplane"
)

// Discover returns the nodes, online and offline, that publish to a topic or
// to one that a filter matches, sorted by id. An empty topic is all of them;
// one that is no valid filter matches none.
func (r *Registry) Discover(topic string) []Node {
	filter, err := dataplane.ParseFilter(topic)
	if err != nil && topic != "" {
		return nil
	}
	nodes := r.snapshot()
	if topic != "" {
		nodes = slices.DeleteFunc(nodes, func(n Node) bool { return !n.publishes(filter) })
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return nodes
}

// Producers returns the nodes of Discover that are online.
func (r *Registry) Producers(topic string) []Node {
	return slices.DeleteFunc(r.Discover(topic), func(n Node) bool { return n.State != Online })
}

// snapshot forgets who is to be forgotten and returns the others. The lock is
// held for one node at a time: to list the topics of all takes long, and frames
// of the uplink would wait.
func (r *Registry) snapshot() []Node {
	ids := r.ids()
	nodes := make([]Node, 0, len(ids))
	for _, id := range ids {
		if node, known := r.node(id); known {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// ids returns the ids of all nodes.
func (r *Registry) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.nodes))
}

// node returns a node, or forgets it where it is to be forgotten.
func (r *Registry) node(id string) (node Node, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.nodes[id]
	if e == nil {
		return Node{}, false
	}
	now := r.options.Now()
	if now.Sub(e.lastSeen) > r.options.Forget {
		r.forget(id, "not heard of for long")
		return Node{}, false
	}
	node = e.node(id, e.state(now, r.options.Expire))
	if e.kind == KindHTTP && node.Address != "" && node.State == Offline {
		node.Detail = fmt.Sprintf("no longer read: no heartbeat for %v", r.options.Expire)
	}
	return node, true
}
