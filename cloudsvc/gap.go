package cloudsvc

import (
	"encoding/json"
	"strings"
	"time"

	"datastub/dataplane"
)

// A Gap is a loss that cannot be repaired, in the place of what was lost. A
// publisher's GAP that names several series makes one of each.
type Gap struct {
	ID dataplane.ID // the same wherever and whenever the GAP is read
	dataplane.Loss
	// Time is when the gap was stored: as cloudsvc took it to be, or, where the
	// gap was read from the log, as the log knows, a moment earlier.
	Time time.Time
}

// frameGaps returns the gaps that a frame tells of, a GAP or an EPOCH_END that
// stands behind the record last.
func frameGaps(publisher string, class dataplane.Class, last uint64, f dataplane.Frame, stored time.Time) []Gap {
	switch f := f.(type) {
	case *dataplane.Gap:
		return gapsOf(publisher, class, f, stored)
	case *dataplane.EpochEnd:
		if f.Unknown {
			return []Gap{openGap(publisher, class, last, f, stored)}
		}
	}
	return nil
}

// openGap returns the gap that an end tells of behind the last record that is
// known: nobody knows how many there were.
func openGap(publisher string, class dataplane.Class, last uint64, f *dataplane.EpochEnd, stored time.Time) Gap {
	return Gap{
		ID: dataplane.ID{Publisher: publisher, Class: class, Line: 1, Epoch: f.Epoch, Seq: last + 1, Through: dataplane.Open},
		Loss: dataplane.Loss{
			Publisher: publisher, Namespace: defaultNamespace, From: last + 1, Reason: f.Reason,
		},
		Time: stored.UTC(),
	}
}

// gapsOf returns the gaps that a publisher's GAP tells of.
func gapsOf(publisher string, class dataplane.Class, f *dataplane.Gap, stored time.Time) []Gap {
	id := dataplane.ID{Publisher: publisher, Class: class, Epoch: f.Epoch, Seq: f.From, Through: f.To}
	if len(f.Series) == 0 {
		id.Line = 1
		loss := dataplane.Loss{
			Publisher: publisher, Namespace: defaultNamespace, From: f.From, To: f.To, Count: f.To - f.From + 1, Reason: f.Reason,
		}
		return []Gap{{id, loss, stored.UTC()}}
	}
	gaps := make([]Gap, len(f.Series))
	for i := range f.Series {
		s := &f.Series[i]
		id.Line++
		gaps[i] = Gap{id, dataplane.Loss{
			Publisher: publisher, Namespace: s.Namespace, Topic: s.Topic, Device: s.Device,
			From: s.First, To: s.Last, Count: s.Count, Reason: f.Reason,
		}, stored.UTC()}
	}
	return gaps
}

// message returns the gap as subscribers get it. It has the class of its lane,
// in whose order it stands, and no sequence: of the series that it tells of it
// is no message.
func (g *Gap) message() dataplane.Message {
	node, _, _ := strings.Cut(g.ID.Publisher, "/")
	m := dataplane.Message{
		ID: g.ID, Topic: dataplane.GapTopic, Namespace: g.Namespace, Device: g.Device, Class: g.ID.Class,
		Value: g.Value(), Time: g.Time, Node: node,
	}
	if m.Device == "" {
		m.Device = dataplane.EscapeLevel(g.ID.Publisher)
	}
	return m
}

// concerns tells whether a gap is for those who subscribe to a filter: it
// matches what was lost, or may do so where that is not known, or gaps.
func (g *Gap) concerns(f dataplane.Filter) bool {
	return g.Topic == "" || f.Match(g.Topic) || f.Match(dataplane.GapTopic)
}

// MarshalJSON writes the gap as GET /v1/gaps has it.
func (g Gap) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID        string          `json:"id"`
		Publisher string          `json:"publisher"`
		Namespace string          `json:"namespace"`
		Topic     string          `json:"topic"`
		Device    string          `json:"device"`
		Class     dataplane.Class `json:"class"`
		From      uint64          `json:"from"`
		To        uint64          `json:"to,omitempty"` // with count, where it is known
		Count     uint64          `json:"count,omitempty"`
		Reason    string          `json:"reason"`
		Time      time.Time       `json:"time"`
	}{
		g.ID.String(), g.Publisher, g.Namespace, g.Topic, g.Device, g.ID.Class, g.From, g.To, g.Count, g.Reason, g.Time,
	})
}
