package spool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const all = 1 << 20 // records, and bytes, in one call of Next

// reading returns a message of a device, of one size.
func reading(c dataplane.Class, device, value int) dataplane.Message {
	return dataplane.Message{
		Namespace: "default", Topic: "sensor/temperature", Device: fmt.Sprintf("boiler-%05d", device),
		Class: c, Value: dataplane.IntValue(int64(value)), Time: start,
	}
}

// edge is a spool in a folder, over all its starts, and what it accepted.
type edge struct {
	t testing.TB
	*Spool
	ram      *ram
	options  Options
	boot     string
	accepted [3][]dataplane.Message // by Class
	values   int
}

func newEdge(t testing.TB, storage Storage) *edge {
	t.Helper()
	storage.Dir = "ram"
	if storage.MaxBytes == 0 {
		storage.MaxBytes = 16 << 20
	}
	e := &edge{t: t, ram: newRAM(), boot: "one", options: Options{Publisher: "edge-1/mapper", Storage: storage, Now: time.Now}}
	e.open()
	return e
}

func (e *edge) open() {
	e.t.Helper()
	s, err := openFolder(e.options, e.ram, e.boot)
	if err != nil {
		e.t.Fatal(err)
	}
	e.Spool = s
}

// end stops the spool's goroutines as they are, with nothing written that
// was not.
func (e *edge) end() {
	e.disk.stop()
	<-e.disk.done
}

// killed starts anew from what a SIGKILL leaves.
func (e *edge) killed() {
	left := e.ram.kill()
	e.end()
	e.ram = left
	e.open()
}

// unplugged starts anew from what a power loss leaves.
func (e *edge) unplugged(rng *rand.Rand) {
	left := e.ram.powerLoss(rng)
	e.end()
	e.ram, e.boot = left, e.boot+"'"
	e.open()
}

func (e *edge) restarted() {
	e.t.Helper()
	e.close()
	e.open()
}

func (e *edge) close() {
	e.t.Helper()
	if err := e.Close(); err != nil {
		e.t.Fatal(err)
	}
}

// add appends n messages in one call, of two devices in turn.
func (e *edge) add(c dataplane.Class, n int) {
	e.t.Helper()
	messages := make([]dataplane.Message, n)
	for i := range messages {
		e.values++
		messages[i] = reading(c, i%2, e.values)
	}
	if err := e.Append(messages); err != nil {
		e.t.Fatal(err)
	}
	e.accepted[c] = append(e.accepted[c], messages...)
}

// item is what Next gives: a record or a gap.
type item struct {
	batch *dataplane.Batch
	gap   *dataplane.Gap
}

func (i item) mark() dataplane.Mark {
	if i.gap != nil {
		return dataplane.Mark{Epoch: i.gap.Epoch, Seq: i.gap.To}
	}
	return dataplane.Mark{Epoch: i.batch.Epoch, Seq: i.batch.Last()}
}

// after returns all that there is behind a mark. It is for a bubble of
// synctest, where it waits for what is read back.
func (e *edge) after(c dataplane.Class, mark dataplane.Mark) []item {
	e.t.Helper()
	var items []item
	l := e.Lane(c)
	for range 1 << 20 {
		var it item
		if it.batch, it.gap = l.Next(mark, 100, all); it == (item{}) {
			synctest.Wait()
			if it.batch, it.gap = l.Next(mark, 100, all); it == (item{}) {
				if some, _ := l.Waiting(mark, 1, 1); some {
					e.t.Fatalf("%v: something is waiting behind %v and does not come", c, mark)
				}
				return items
			}
		}
		if it.mark().Compare(mark) <= 0 {
			e.t.Fatalf("%v: %v comes behind %v", c, it.mark(), mark)
		}
		mark = it.mark()
		items = append(items, it)
	}
	e.t.Fatal("there is no end")
	return nil
}

// split returns the records of items, and how many are gaps.
func split(items []item) (messages []dataplane.Message, gaps []*dataplane.Gap) {
	for _, it := range items {
		if it.gap != nil {
			gaps = append(gaps, it.gap)
			continue
		}
		messages = append(messages, it.batch.Messages...)
	}
	return messages, gaps
}

// same tells whether messages are those, in value, order and id.
func same(t testing.TB, got, want []dataplane.Message) bool {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d records: want %d", len(got), len(want))
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("record %d of %d is %+v: want %+v", i, len(got), got[i], want[i])
			return false
		}
	}
	return true
}

// holds checks that a spool has all that was accepted behind a mark, in order,
// under the ids that it was given, without a gap.
func (e *edge) holds(c dataplane.Class, after dataplane.Mark) {
	e.t.Helper()
	got, gaps := split(e.after(c, after))
	var want []dataplane.Message
	for _, m := range e.accepted[c] {
		if (dataplane.Mark{Epoch: m.ID.Epoch, Seq: m.ID.Seq}).Compare(after) > 0 {
			want = append(want, m)
		}
	}
	same(e.t, got, want)
	if len(gaps) > 0 {
		e.t.Errorf("%v: there are gaps: %+v", c, gaps[0])
	}
}

func (e *edge) last(c dataplane.Class) dataplane.Mark {
	m := e.accepted[c][len(e.accepted[c])-1]
	return dataplane.Mark{Epoch: m.ID.Epoch, Seq: m.ID.Seq}
}

func TestDiskKeepsWhatWasAccepted(t *testing.T) {
	for name, again := range map[string]func(e *edge){
		"closed":    (*edge).restarted,
		"killed":    (*edge).killed,
		"unplugged": func(e *edge) { e.unplugged(rand.New(rand.NewPCG(1, 1))) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{Sync: SyncAlways})
				id := e.ID()
				for range 4 {
					e.add(dataplane.RT, 10)
					e.add(dataplane.BT, 3)
					again(e)
				}
				e.add(dataplane.RT, 1)
				if e.ID() != id {
					t.Error("the spool's id has changed")
				}
				for _, c := range dataplane.Classes {
					e.holds(c, dataplane.Mark{})
					held := e.Lane(c).Held()
					if len(held) != 5 || !slices.IsSortedFunc(held, func(a, b dataplane.EpochRange) int { return int(a.Epoch) - int(b.Epoch) }) {
						t.Errorf("%v: held is %+v: want five epochs", c, held)
					}
				}
				if got := e.Stats(dataplane.RT).Held.Records; got != 41 {
					t.Errorf("held are %d: want 41", got)
				}
				seqs := map[string]uint64{}
				for _, m := range e.accepted[dataplane.RT] {
					if m.Seq <= seqs[m.Device] {
						t.Errorf("%s has %d behind %d", m.Device, m.Seq, seqs[m.Device])
					}
					seqs[m.Device] = m.Seq
				}
				middle := e.accepted[dataplane.RT][14]
				mark := dataplane.Mark{Epoch: middle.ID.Epoch, Seq: middle.ID.Seq}
				e.holds(dataplane.RT, mark)
				e.Lane(dataplane.RT).Release(mark)
				if got := e.Stats(dataplane.RT).Held.Records; got != 26 {
					t.Errorf("held are %d: want 26", got)
				}
				again(e)
				e.holds(dataplane.RT, mark)
				e.Lane(dataplane.RT).Release(e.last(dataplane.RT))
				e.Lane(dataplane.BT).Release(e.last(dataplane.BT))
				synctest.Wait()
				again(e)
				synctest.Wait()
				if items := e.after(dataplane.RT, e.last(dataplane.RT)); items != nil {
					t.Errorf("there is more: %+v", items[0])
				}
				e.holds(dataplane.RT, dataplane.Mark{}) // a cloud that has lost it gets it again
				if got := e.Stats(dataplane.RT).Held; name == "closed" && got != (Amount{}) {
					t.Errorf("held are %+v: want nothing", got)
				}
				e.close()
			})
		})
	}
}
