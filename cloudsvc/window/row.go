package window

import (
	"encoding/json"
	"maps"
	"slices"

	"datastub/dataplane"
)

// row is a cell as JSON. A function that was not asked for is left out; one that
// has no value is null.
type row struct {
	Namespace string          `json:"namespace"`
	Topic     string          `json:"topic,omitempty"`
	Device    string          `json:"device,omitempty"`
	Property  string          `json:"property,omitempty"`
	Type      string          `json:"type"`
	Unit      string          `json:"unit"`
	Count     *uint64         `json:"count,omitempty"`
	Bad       uint64          `json:"bad"` // not among count, nor in any function
	Min       json.RawMessage `json:"min,omitempty"`
	Max       json.RawMessage `json:"max,omitempty"`
	Avg       json.RawMessage `json:"avg,omitempty"`
	Sum       json.RawMessage `json:"sum,omitempty"`
	First     json.RawMessage `json:"first,omitempty"`
	Last      json.RawMessage `json:"last,omitempty"`
}

// rows returns the rows of a window, sorted.
func (r *Reducer) rows(w merged) []row {
	rows := make([]row, 0, len(w.cells))
	for _, key := range slices.SortedFunc(maps.Keys(w.cells), cellKey.compare) {
		rows = append(rows, r.row(key, w.cells[key]))
	}
	return rows
}

func (r *Reducer) row(key cellKey, c *cell) row {
	shown := row{
		Namespace: key.namespace, Topic: key.topic, Device: key.device, Property: key.property,
		Type: key.typ.String(), Unit: key.unit, Bad: c.bad,
	}
	if r.spec.Functions&Count != 0 {
		shown.Count = &c.count
	}
	var sum, avg dataplane.Value
	if c.min.Type() != 0 {
		sum, avg = c.sum.value(key.typ), c.sum.average(key.typ, c.count)
	}
	for _, f := range [...]struct {
		function Functions
		value    dataplane.Value
		to       *json.RawMessage
	}{
		{Min, c.min, &shown.Min}, {Max, c.max, &shown.Max}, {Avg, avg, &shown.Avg}, {Sum, sum, &shown.Sum},
		{First, c.first, &shown.First}, {Last, c.last, &shown.Last},
	} {
		if r.spec.Functions&f.function != 0 {
			*f.to = f.value.AppendJSON(nil)
		}
	}
	return shown
}

// size is about how long the row is.
func (r *row) size() int {
	return 192 + len(r.Namespace) + len(r.Topic) + len(r.Device) + len(r.Property) + len(r.Unit) +
		len(r.Min) + len(r.Max) + len(r.Avg) + len(r.Sum) + len(r.First) + len(r.Last)
}
