package window

import (
	"maps"
	"slices"

	"datastub/dataplane"
)

// jumpReason is why sequences are missing that nobody has told. A device that has
// one topic in both classes numbers them together.
const jumpReason = "no message of class BT came with these sequences"

// covered is a cover as JSON.
type covered struct {
	Namespace string `json:"namespace"`
	Topic     string `json:"topic"`
	Device    string `json:"device"`
	From      uint64 `json:"from"`
	To        uint64 `json:"to"`
	Count     uint64 `json:"count"`
}

// missing is a loss as JSON, in the shape that gaps have elsewhere.
type missing struct {
	Publisher string `json:"publisher"`
	Namespace string `json:"namespace"`
	Topic     string `json:"topic"`
	Device    string `json:"device"`
	From      uint64 `json:"from"`
	To        uint64 `json:"to,omitempty"` // with count, where it is known
	Count     uint64 `json:"count,omitempty"`
	Reason    string `json:"reason"`
}

// covers returns what a window covers, sorted.
func covers(w merged) []covered {
	all := make([]covered, 0, len(w.covers))
	for _, key := range slices.SortedFunc(maps.Keys(w.covers), seriesKey.compare) {
		c := w.covers[key]
		all = append(all, covered{key.namespace, key.topic, key.device, c.from, c.to, c.count})
	}
	return all
}

// missing returns what the log has lost, then the gaps that were told, as they
// came, and then the jumps, by series.
func (r *Reducer) missing(s *source, w merged) []missing {
	var all []missing
	add := func(l *dataplane.Loss) {
		all = append(all, missing{l.Publisher, l.Namespace, l.Topic, l.Device, l.From, l.To, l.Count, l.Reason})
	}
	if s.cut {
		add(&r.cut)
	}
	for i := range s.losses {
		add(&s.losses[i].Loss)
	}
	for _, key := range slices.SortedFunc(maps.Keys(w.covers), seriesKey.compare) {
		for _, j := range w.covers[key].jumps {
			add(&dataplane.Loss{
				Publisher: s.publisher, Namespace: key.namespace, Topic: key.topic, Device: key.device,
				From: j.from, To: j.to, Count: j.to - j.from + 1, Reason: jumpReason,
			})
		}
	}
	return all
}
