package cloudsvc

import "time"

// place is where a producer is read.
type place struct {
	address string   // tcp://host:port
	topics  []string // those it registered, sorted; none: any
}

// places returns the nodes that are to be read, by id: those that registered
// an address and are online.
func (r *Registry) places() map[string]place {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	places := make(map[string]place)
	for id, e := range r.nodes {
		if e.isRead(now, r.options.Expire) {
			places[id] = place{e.address, e.declared}
		}
	}
	return places
}

// mayBeRead tells whether there is room for what a registration would have
// read. r.mu is held.
func (r *Registry) mayBeRead(registration *Registration) bool {
	now := r.options.Now()
	e := r.nodes[registration.ID]
	switch {
	case e != nil && e.isRead(now, r.options.Expire):
		return true
	case registration.Address == nil && (e == nil || e.address == ""):
		return true
	case registration.Address != nil && *registration.Address == "":
		return true
	}
	read := 0
	for _, other := range r.nodes {
		if other.isRead(now, r.options.Expire) {
			read++
		}
	}
	return read < r.options.MaxProducers
}

// isRead tells whether a node is a producer, to be read at its address.
func (e *nodeEntry) isRead(now time.Time, expire time.Duration) bool {
	return e.kind == KindHTTP && e.address != "" && e.state(now, expire) == Online
}

// describe notes how it goes to read a node.
func (r *Registry) describe(id, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.nodes[id]; e != nil {
		e.detail = detail
	}
}
