package spool

import (
	"slices"
	"testing"
	"testing/synctest"

	"datastub/dataplane"
)

// TestCloudIsPutBack lets the cloud come back as it was at any time before: it
// gets again what is still there, and a gap for each range that is not, with no
// record in neither.
func TestCloudIsPutBack(t *testing.T) {
	for name, maxBytes := range map[string]int64{"all is kept": 16 << 20, "much is removed": 64 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{MaxBytes: maxBytes})
				marks := []dataplane.Mark{{}}
				for i := range 12 {
					for range 4 {
						e.add(dataplane.RT, 40)
						synctest.Wait()
						e.Lane(dataplane.RT).Release(e.last(dataplane.RT))
						marks = append(marks, e.last(dataplane.RT))
					}
					if i%3 == 2 {
						e.killed()
						e.Lane(dataplane.RT).Release(e.last(dataplane.RT))
					} else {
						e.restarted()
					}
				}
				e.add(dataplane.RT, 3)
				for range 2 {
					synctest.Wait()
					lost := 0
					for i, mark := range marks {
						lost += e.putBack(mark, 40*i)
					}
					if (lost > 0) != (maxBytes < 1<<20) {
						t.Errorf("%d are lost", lost)
					}
					e.restarted()
				}
				e.close()
			})
		})
	}
}

// putBack goes through what the cloud gets behind a mark, which is the n-th
// record's, and returns how many of these are in gaps.
func (e *edge) putBack(after dataplane.Mark, n int) (lost int) {
	e.t.Helper()
	held := e.Lane(dataplane.RT).Held()
	for _, it := range e.after(dataplane.RT, after) {
		if it.gap == nil {
			same(e.t, it.batch.Messages, e.accepted[dataplane.RT][n:n+len(it.batch.Messages)])
			n += len(it.batch.Messages)
			continue
		}
		first := e.accepted[dataplane.RT][n].ID
		if it.gap.Reason != reasonReleased || first.Epoch != it.gap.Epoch || first.Seq != it.gap.From {
			e.t.Fatalf("behind %v: gap %+v where %v is next", after, it.gap, first)
		}
		i := slices.IndexFunc(held, func(r dataplane.EpochRange) bool { return r.Epoch == it.gap.Epoch })
		if i < 0 || held[i].First <= held[i].Last && held[i].First <= it.gap.From {
			e.t.Errorf("behind %v: gap %d/%d-%d where HELLO tells of %+v", after, it.gap.Epoch, it.gap.From, it.gap.To, held)
		}
		lost += int(it.gap.To - it.gap.From + 1)
		n += int(it.gap.To - it.gap.From + 1)
	}
	if n != len(e.accepted[dataplane.RT]) {
		e.t.Errorf("behind %v: %d of %d come", after, n, len(e.accepted[dataplane.RT]))
	}
	return lost
}

// TestKeptMakesRoom: what the cloud has goes before anything else.
func TestKeptMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{MaxBytes: 128 << 10})
		for range 30 {
			e.add(dataplane.RT, 20)
			synctest.Wait()
			e.Lane(dataplane.RT).Release(e.last(dataplane.RT))
		}
		released := e.last(dataplane.RT)
		kept := e.bytesInFiles()
		if limit := int64(128<<10)/keptPart + e.storage.segmentBytes()*2; kept > limit || kept < 8<<10 {
			t.Errorf("%d bytes are kept: want some, and %d at most", kept, limit)
		}
		for range 40 {
			e.add(dataplane.RT, 20)
		}
		synctest.Wait()
		if got := e.Stats(dataplane.RT).Dropped; got != (Amount{}) {
			t.Errorf("dropped are %+v, where it is enough that what the cloud has goes", got)
		}
		e.holds(dataplane.RT, released)
		e.close()
	})
}

// TestEndsAreBounded: of very many starts, the last ones are told of, and what
// is held of any.
func TestEndsAreBounded(t *testing.T) {
	var es endings
	for i := range uint64(5000) {
		es.put(ending{epoch: i + 1, last: 1, exact: true})
		es.trim(func(epoch uint64) bool { return epoch == 7 })
	}
	if len(es) > maxEnds+1 || es[0].epoch != 7 && es[0].epoch != 5000-maxEnds+1 {
		t.Errorf("%d ends from %d: want %d", len(es), es[0].epoch, maxEnds)
	}
	if _, known := es.of(7); !known {
		t.Error("the end of an epoch is forgotten of which something is held")
	}
}
