package cloudsvc

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"datastub/dataplane"
)

// marks is how far each publisher's lanes are in the log, and how far the log
// itself was when that was so.
type marks struct {
	blocks map[dataplane.Class]uint64 // the last block counted
	lanes  map[laneKey]laneMark
}

type laneKey struct {
	publisher string
	class     dataplane.Class
}

type laneMark struct {
	spool dataplane.SpoolID
	mark  dataplane.Mark
}

func newMarks() *marks {
	return &marks{blocks: make(map[dataplane.Class]uint64), lanes: make(map[laneKey]laneMark)}
}

// count takes a block's ranges into account.
func (m *marks) count(class dataplane.Class, seq uint64, ranges []Range) {
	for i := range ranges {
		r := &ranges[i]
		m.lanes[laneKey{r.Publisher, class}] = laneMark{r.Spool, dataplane.Mark{Epoch: r.Epoch, Seq: r.Last}}
	}
	m.blocks[class] = seq
}

// snapshotJSON is marks as they are saved.
type snapshotJSON struct {
	Blocks map[dataplane.Class]uint64 `json:"blocks"`
	Lanes  []laneJSON                 `json:"lanes"`
}

type laneJSON struct {
	Publisher string            `json:"publisher"`
	Class     dataplane.Class   `json:"class"`
	Spool     dataplane.SpoolID `json:"spool"`
	Epoch     uint64            `json:"epoch"`
	Seq       uint64            `json:"seq"`
}

// snapshot returns the marks as bytes.
func (m *marks) snapshot() ([]byte, error) {
	s := snapshotJSON{Blocks: m.blocks, Lanes: make([]laneJSON, 0, len(m.lanes))}
	for k, l := range m.lanes {
		s.Lanes = append(s.Lanes, laneJSON{k.publisher, k.class, l.spool, l.mark.Epoch, l.mark.Seq})
	}
	slices.SortFunc(s.Lanes, func(a, b laneJSON) int {
		return cmp.Or(cmp.Compare(a.Publisher, b.Publisher), cmp.Compare(a.Class, b.Class))
	})
	return json.Marshal(s)
}

// load takes a snapshot in.
func (m *marks) load(snapshot []byte) error {
	var s snapshotJSON
	if err := json.Unmarshal(snapshot, &s); err != nil {
		return fmt.Errorf("read the snapshot of marks: %w", err)
	}
	for class, seq := range s.Blocks {
		m.blocks[class] = seq
	}
	for _, l := range s.Lanes {
		m.lanes[laneKey{l.Publisher, l.Class}] = laneMark{l.Spool, dataplane.Mark{Epoch: l.Epoch, Seq: l.Seq}}
	}
	return nil
}
