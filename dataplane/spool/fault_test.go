package spool

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"

	"datastub/dataplane"
)

// hasFault checks whether the spool says that it is in memory.
func (e *edge) hasFault(want error) {
	e.t.Helper()
	if got := e.Fault().Why; !errors.Is(got, want) {
		e.t.Errorf("the spool's fault is %v: want %v", got, want)
	}
}

// TestDiskFails lets the disk fail in every way: what is published meanwhile is
// accepted, sent, and on disk when that is well again.
func TestDiskFails(t *testing.T) {
	for name, fault := range map[string]struct {
		err error
		on  string
	}{
		"full": {syscall.ENOSPC, ""}, "read-only": {syscall.EROFS, ""}, "broken": {syscall.EIO, ""},
		"cannot write": {syscall.EIO, "write"}, "cannot sync": {syscall.EIO, "sync"},
	} {
		for _, mode := range []Sync{SyncSecond, SyncAlways} {
			t.Run(name+" "+mode.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					e := newEdge(t, Storage{Sync: mode})
					var told []Fault
					e.changed = func() { told = append(told, e.Fault()) }
					e.add(dataplane.RT, 5)
					e.ram.set(fault.err, fault.on)
					failed := time.Now()
					for range 4 {
						e.add(dataplane.RT, 5)
						e.add(dataplane.BT, 5)
						time.Sleep(2 * time.Second)
					}
					e.hasFault(fault.err)
					e.holds(dataplane.RT, dataplane.Mark{})
					e.ram.set(nil, "")
					time.Sleep(2 * time.Second)
					e.hasFault(nil)
					synctest.Wait()
					if len(told) != 2 || !errors.Is(told[0].Why, fault.err) || told[0].Since.Sub(failed) > time.Second || told[1] != (Fault{Times: 1}) {
						t.Errorf("told %+v: want the fault and its end", told)
					}
					e.add(dataplane.RT, 5)
					e.killed()
					for _, c := range dataplane.Classes {
						e.holds(c, dataplane.Mark{})
					}
					e.close()
				})
			})
		}
	}
}

// TestDiskFailsAtTheStart: a disk that cannot be written is no reason not to
// start, and what is there is sent.
func TestDiskFailsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		e.close()
		e.ram.set(syscall.EROFS, "")
		e.open()
		e.hasFault(syscall.EROFS)
		e.add(dataplane.RT, 5)
		e.holds(dataplane.RT, dataplane.Mark{})
		e.ram.set(nil, "")
		time.Sleep(2 * time.Second)
		e.hasFault(nil)
		e.killed()
		e.holds(dataplane.RT, dataplane.Mark{})
		e.close()
	})
}

// TestDiskStalls: Publish waits for 100 ms at most, and only once.
func TestDiskStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		resume := e.ram.stall()
		begin := time.Now()
		e.add(dataplane.RT, 5)
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("the first call takes %v", took)
		}
		e.hasFault(errSlow)
		begin = time.Now()
		for range 100 {
			e.add(dataplane.RT, 5)
			e.add(dataplane.BT, 5)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("the others take %v", took)
		}
		e.holds(dataplane.RT, dataplane.Mark{})
		time.Sleep(time.Minute)
		resume()
		synctest.Wait()
		e.hasFault(nil)
		e.killed()
		for _, c := range dataplane.Classes {
			e.holds(c, dataplane.Mark{})
		}
		e.close()
	})
}

// TestDiskFailsForLong: what memory cannot hold is dropped, BT first, and the
// gap is exact, also after the disk is back and the mapper was killed.
func TestDiskFailsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{MaxBytes: 128 << 10})
		e.add(dataplane.RT, 5)
		e.ram.set(syscall.ENOSPC, "")
		for range 100 {
			e.add(dataplane.RT, 2)
			e.add(dataplane.BT, 10)
		}
		e.ram.set(nil, "")
		time.Sleep(2 * time.Second)
		e.hasFault(nil)
		for range 2 {
			e.holds(dataplane.RT, dataplane.Mark{})
			e.covers(dataplane.BT)
			if err := e.writeCheckpoint(); err != nil {
				t.Fatal(err)
			}
			e.killed()
		}
		e.close()
	})
}

// covers checks that records and gaps together are what was accepted: each
// once, in order, with the series of what is missing counted.
func (e *edge) covers(c dataplane.Class) (lost int) {
	e.t.Helper()
	next := 0
	for _, it := range e.after(c, dataplane.Mark{}) {
		if it.gap == nil {
			n := len(it.batch.Messages)
			if !same(e.t, it.batch.Messages, e.accepted[c][next:next+n]) {
				e.t.Fatalf("%v: behind record %d", c, next)
			}
			next += n
			continue
		}
		n := int(it.gap.To - it.gap.From + 1)
		if first := e.accepted[c][next].ID; first.Epoch != it.gap.Epoch || first.Seq != it.gap.From {
			e.t.Fatalf("%v: gap %d/%d-%d where %v is next", c, it.gap.Epoch, it.gap.From, it.gap.To, first)
		}
		counted := 0
		for _, s := range it.gap.Series {
			for _, m := range e.accepted[c][next : next+n] {
				if m.Device == s.Device {
					counted++
					if m.Seq < s.First || m.Seq > s.Last {
						e.t.Errorf("%s: %d is missing: want it within %d and %d", s.Device, m.Seq, s.First, s.Last)
					}
				}
			}
		}
		if counted != n {
			e.t.Errorf("%v: the gap %d-%d tells of %d: %+v", c, it.gap.From, it.gap.To, counted, it.gap.Series)
		}
		lost += n
		next += n
	}
	if next != len(e.accepted[c]) {
		e.t.Errorf("%v: %d of %d come", c, next, len(e.accepted[c]))
	}
	return lost
}

// TestDiskOverflows fills the spool many times over: BT goes first, what is
// lost is told exactly, and the folder keeps to its bound.
func TestDiskOverflows(t *testing.T) {
	for name, sent := range map[string]int{"nothing was sent": 0, "some was sent": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const bound = 256 << 10
				e := newEdge(t, Storage{MaxBytes: bound})
				var handed [3]dataplane.Mark
				for i := range 400 {
					e.add(dataplane.RT, 1)
					e.add(dataplane.BT, 30)
					if i%50 == 49 {
						e.restarted()
					}
					for _, c := range dataplane.Classes {
						if batch, gap := e.Lane(c).Next(handed[c], 7, all); batch != nil && sent > 0 {
							handed[c] = item{batch: batch}.mark()
						} else if gap != nil && sent > 0 {
							handed[c] = item{gap: gap}.mark()
						}
					}
				}
				synctest.Wait()
				if n := e.ram.bytes(); n > bound+maxSegment/64 {
					t.Errorf("the folder takes %d bytes: want %d", n, bound)
				}
				e.holds(dataplane.RT, dataplane.Mark{})
				lost := e.covers(dataplane.BT)
				if lost == 0 {
					t.Error("nothing was lost: this shows nothing")
				}
				for range 6000 {
					e.add(dataplane.RT, 1)
				}
				synctest.Wait()
				if n := e.Stats(dataplane.BT).Held.Records; n != 0 {
					t.Errorf("RT fills the spool, and %d of BT are held", n)
				}
				e.covers(dataplane.RT)
				e.covers(dataplane.BT)
				e.close()
			})
		})
	}
}

// TestDiskForgetsWhatIsOld drops what is older than it may be.
func TestDiskForgetsWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{MaxAge: time.Hour})
		e.add(dataplane.RT, 5)
		time.Sleep(30 * time.Minute)
		e.add(dataplane.RT, 5)
		time.Sleep(35 * time.Minute)
		if lost := e.covers(dataplane.RT); lost != 5 {
			t.Errorf("%d are lost: want the first 5", lost)
		}
		e.restarted()
		time.Sleep(time.Hour + time.Minute)
		if lost := e.covers(dataplane.RT); lost != 10 {
			t.Errorf("%d are lost: want all 10", lost)
		}
		e.close()
	})
}

// TestDiskRebases moves epochs on disk above another spool's, also after a
// restart.
func TestDiskRebases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		e.Lane(dataplane.RT).Release(dataplane.Mark{Epoch: e.last(dataplane.RT).Epoch, Seq: 2})
		e.restarted()
		e.add(dataplane.RT, 4)
		above := e.last(dataplane.RT).Epoch + 1000
		e.Lane(dataplane.RT).Rebase(above)
		e.add(dataplane.RT, 2)
		for range 2 {
			synctest.Wait()
			held := slices.DeleteFunc(e.Lane(dataplane.RT).Held(), func(r dataplane.EpochRange) bool { return r.First > r.Last })
			if len(held) < 2 || held[0].Epoch != above+1 || held[0].First != 1 || held[0].Last != 3 || held[1].First != 1 || held[1].Last != 6 {
				t.Fatalf("held is %+v: want 3 and 6 records above %d", held, above)
			}
			got, gaps := split(e.after(dataplane.RT, dataplane.Mark{Epoch: above, Seq: 77}))
			if len(got) != 9 || gaps != nil {
				t.Fatalf("%d records and %d gaps: want 9 records", len(got), len(gaps))
			}
			for i, m := range got {
				if want := e.accepted[dataplane.RT][i+2]; m.Value != want.Value || m.Seq != want.Seq {
					t.Errorf("record %d is %+v: want %+v", i, m, want)
				}
			}
			e.killed()
			e.add(dataplane.BT, 1)
			if last := e.last(dataplane.BT).Epoch; last <= held[1].Epoch {
				t.Errorf("epoch %d follows %d", last, held[1].Epoch)
			}
		}
		e.end()
	})
}

func TestDiskIsOneProcessesOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	o := Options{Publisher: "edge-1/mapper", Storage: Storage{Dir: dir, MaxBytes: 1 << 20}, Now: time.Now}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(o)
	if want := dir + " is in use by process "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the second is told %v: want %q and an id", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Publisher = "edge-1/other"
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "it is the spool of edge-1/mapper: want a folder of its own for edge-1/other") {
		t.Errorf("another publisher is told %v", err)
	}
	o.Publisher = "edge-1/mapper"
	again, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != s.ID() {
		t.Error("the spool's id has changed")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDiskRealFull fills a small tmpfs, and makes room again.
func TestDiskRealFull(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getuid() == 0 {
			t.Fatalf("mount a tmpfs: %v: %s", err, out)
		}
		t.Skip("only root may mount a tmpfs")
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	s, err := Open(Options{Publisher: "edge-1/mapper", Storage: Storage{Dir: dir, MaxBytes: 1 << 20}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{t: t, Spool: s}
	for range 400 {
		e.add(dataplane.RT, 10)
	}
	e.hasFault(syscall.ENOSPC)
	remount(t, dir, "size=4m")
	e.mended()
	e.close()
	remount(t, dir, "ro")
	e.Spool, err = Open(Options{Publisher: "edge-1/mapper", Storage: Storage{Dir: dir, MaxBytes: 1 << 20}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	e.hasFault(syscall.EROFS)
	e.add(dataplane.RT, 10)
	remount(t, dir, "rw")
	e.mended()
	e.add(dataplane.RT, 10)
	if got := e.Stats(dataplane.RT).Held.Records; got != 4020 {
		t.Errorf("%d are held: want 4020", got)
	}
	e.close()
}

func remount(t *testing.T, dir, option string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+option, dir).CombinedOutput(); err != nil {
		t.Fatalf("remount %s: %v: %s", option, err, out)
	}
}

// mended waits until the disk is well.
func (e *edge) mended() {
	e.t.Helper()
	e.eventually("a disk that is well", func(f Fault) bool { return f.Why == nil })
}

// eventually waits until the spool's fault is as it is wanted.
func (e *edge) eventually(what string, is func(Fault) bool) {
	e.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is(e.Fault()) {
		select {
		case <-tick.C:
		case <-deadline:
			e.t.Fatalf("after 10s the spool's fault is %+v: want %s", e.Fault(), what)
		}
	}
}

// TestCloseDoesNotWaitForTheDisk closes a spool whose disk hangs, with nothing
// to write and with something.
func TestCloseDoesNotWaitForTheDisk(t *testing.T) {
	for name, more := range map[string]int{"nothing is to be written": 0, "something is": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, Storage{})
				e.add(dataplane.RT, 5)
				resume := e.ram.stall()
				e.add(dataplane.RT, more)
				begin := time.Now()
				if err := e.Close(); err == nil {
					t.Error("it is closed, on a disk that hangs")
				}
				if took := time.Since(begin); took > closeWait {
					t.Errorf("that takes %v: want %v at most", took, closeWait)
				}
				resume()
			})
		})
	}
}

// TestCloseOfAFullDisk: what cannot be sealed is found by the next start.
func TestCloseOfAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, Storage{})
		e.add(dataplane.RT, 5)
		e.ram.set(syscall.ENOSPC, "")
		e.close() // it is no error: nothing is lost
		e.ram.set(nil, "")
		e.open()
		e.holds(dataplane.RT, dataplane.Mark{})
		e.close()
	})
}

// TestFaultsAreTold counts the lines of a log: one for a moment's stall, two for
// a disk that fails for longer.
func TestFaultsAreTold(t *testing.T) {
	for name, tt := range map[string]struct {
		lasts time.Duration
		want  []string
	}{
		"a moment": {200 * time.Millisecond, []string{"for a moment"}},
		"long":     {time.Minute, []string{"cannot write", "again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lines []string
				e := newEdge(t, Storage{})
				e.close()
				e.options.Logger = funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
				e.open()
				resume := e.ram.stall()
				e.add(dataplane.RT, 5)
				time.Sleep(tt.lasts)
				resume()
				time.Sleep(2 * time.Second)
				e.close()
				if len(lines) != len(tt.want) {
					t.Fatalf("%d lines: %q: want %d", len(lines), lines, len(tt.want))
				}
				for i, want := range tt.want {
					if !strings.Contains(lines[i], want) {
						t.Errorf("line %d is %s: want %q", i, lines[i], want)
					}
				}
			})
		})
	}
}
