package spool

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"datastub/dataplane"
)

// firstSegment returns the file of RT's first segment.
func (e *edge) firstSegment() *ramFile {
	e.t.Helper()
	names, _ := e.ram.names()
	for _, name := range names {
		if strings.HasPrefix(name, "RT-") {
			return e.ram.files[name]
		}
	}
	e.t.Fatal("there is no segment")
	return nil
}

// TestDiskOpensWhatIsCut cuts the last record at every byte: all before it are
// there, and it is not taken for anything else.
func TestDiskOpensWhatIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		f := e.firstSegment()
		begin := len(f.data)
		e.add(dataplane.RT, 1)
		left := e.ram.kill()
		e.end()
		for end := begin; end < len(f.data); end++ {
			again := &edge{t: t, ram: left.kill(), options: e.options, boot: "one"}
			cut := again.firstSegment()
			cut.data = cut.data[:end]
			again.open()
			got, gaps := split(again.after(dataplane.RT, dataplane.Mark{}))
			if !same(t, got, e.accepted[dataplane.RT][:5]) || gaps != nil {
				t.Fatalf("cut at %d: gaps %+v", end-begin, gaps)
			}
			if _, unsure := again.Lane(dataplane.RT).Ended(e.last(dataplane.RT).Epoch); (unsure == "") != (end == begin) {
				t.Errorf("cut at %d: that the epoch's end is certain is %v", end-begin, unsure == "")
			}
			again.end()
		}
	})
}

// TestDiskFindsFlippedBits flips each bit of a segment's records: what comes
// is what was accepted, and what does not is a gap, and counted.
func TestDiskFindsFlippedBits(t *testing.T) {
	for name, sealed := range map[string]bool{"sealed": true, "killed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{})
				f := e.firstSegment()
				begin := len(f.data)
				e.add(dataplane.RT, 4)
				end := len(f.data)
				if sealed {
					e.close()
				} else {
					e.end()
				}
				left := e.ram.kill()
				for bit := begin * 8; bit < end*8; bit++ {
					again := &edge{t: t, ram: left.kill(), options: e.options, boot: "one"}
					flipped := again.firstSegment()
					flipped.data[bit/8] ^= 1 << (bit % 8)
					again.open()
					again.findsDamage(e.accepted[dataplane.RT], bit, sealed)
					again.end()
				}
			})
		})
	}
}

// findsDamage checks that one record of those that were accepted is missing,
// as a gap, which may have to tell of which series.
func (e *edge) findsDamage(accepted []dataplane.Message, bit int, named bool) {
	e.t.Helper()
	got, gaps := split(e.after(dataplane.RT, dataplane.Mark{}))
	if len(gaps) != 1 || gaps[0].From != gaps[0].To || gaps[0].Reason != reasonDamaged {
		e.t.Fatalf("bit %d: gaps are %+v: want one, of one record", bit, gaps)
	}
	missing := int(gaps[0].From) - 1
	if !same(e.t, got, slices.Delete(slices.Clone(accepted), missing, missing+1)) {
		e.t.Fatalf("bit %d", bit)
	}
	want := accepted[missing]
	if s := gaps[0].Series; len(s) == 1 && (s[0].Device != want.Device || s[0].First != want.Seq || s[0].Last != want.Seq || s[0].Count != 1) ||
		len(s) != 1 && (named || len(s) > 0) {
		e.t.Fatalf("bit %d: the gap is of %+v: want %+v", bit, s, want)
	}
	if n := e.Stats(dataplane.RT).Damaged; n != 1 {
		e.t.Fatalf("bit %d: %d are counted: want 1", bit, n)
	}
}

// TestDiskOutlivesItsHeads flips each bit of header and footer: no record is
// lost by that.
func TestDiskOutlivesItsHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		f := e.firstSegment()
		begin := len(f.data)
		e.add(dataplane.RT, 4)
		end := len(f.data)
		e.close()
		left := e.ram.kill()
		for bit := range len(f.data) * 8 {
			if bit/8 >= begin && bit/8 < end {
				continue
			}
			again := &edge{t: t, ram: left.kill(), options: e.options, boot: "one"}
			flipped := again.firstSegment()
			flipped.data[bit/8] ^= 1 << (bit % 8)
			again.open()
			got, gaps := split(again.after(dataplane.RT, dataplane.Mark{}))
			if len(gaps) > 1 || len(gaps) == 1 && gaps[0].From != 5 {
				t.Fatalf("bit %d: gaps are %+v", bit, gaps)
			}
			if !same(t, got, e.accepted[dataplane.RT]) {
				t.Fatalf("bit %d", bit)
			}
			if again.ID() != e.ID() {
				t.Fatalf("bit %d: the spool's id has changed", bit)
			}
			again.end()
		}
	})
}

// TestDiskOutlivesItsCheckpoint flips bits of the checkpoint: epochs and
// series go on rising, and the id is found in the segments.
func TestDiskOutlivesItsCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 4)
		e.Lane(dataplane.RT).Release(e.last(dataplane.RT))
		e.restarted()
		synctest.Wait()
		e.close()
		left := e.ram.kill()
		size := len(left.files[checkpointName].data)
		for bit := 0; bit < size*8; bit += 5 {
			again := &edge{t: t, ram: left.kill(), options: e.options, boot: "one"}
			again.ram.files[checkpointName].data[bit/8] ^= 1 << (bit % 8)
			again.open()
			again.add(dataplane.RT, 2)
			for i, m := range again.accepted[dataplane.RT] {
				before := e.accepted[dataplane.RT][2+i]
				if m.ID.Epoch <= before.ID.Epoch || m.Seq <= before.Seq {
					t.Fatalf("bit %d: %v, %d follows %v, %d", bit, m.ID, m.Seq, before.ID, before.Seq)
				}
			}
			if again.ID() != e.ID() {
				t.Fatalf("bit %d: the spool's id has changed", bit)
			}
			again.end()
		}
	})
}
