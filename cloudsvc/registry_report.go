package cloudsvc

import "datastub/dataplane"

// Reported takes what a node says of itself, in the place of what it said
// before. It is not changed from here on. That of a node which is not known is
// passed over.
func (r *Registry) Reported(id string, report *dataplane.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.nodes[id]; e != nil {
		e.report = report
	}
}

// Report returns what a node said of itself last, nil if it said nothing, or is
// not known. It must not be changed.
func (r *Registry) Report(id string) *dataplane.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.nodes[id]; e != nil {
		return e.report
	}
	return nil
}

// misreported counts a report that makes no sense, and says so once a node.
func (r *Registry) misreported(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.reportsRefused++
	if e := r.nodes[id]; e != nil && !e.misreported {
		e.misreported = true
		r.options.Logger.Error(err, "Report of a node is passed over", "node", id)
	}
}
