package e2e

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/powerloss"
	"datastub/hack/stack"
)

// unplug lets the power of the mapper's node go: it comes back as another boot.
// It returns when that was.
func (o *ordeal) unplug(d *powerloss.Disk) time.Time {
	o.t.Helper()
	o.mapper.Kill()
	at := time.Now()
	d.Crash(o.rng.Uint64())
	boot := filepath.Join(o.t.TempDir(), "boot_id")
	if err := os.WriteFile(boot, []byte(rand.Text()+"\n"), 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.mapper.Boot = boot
	o.turn()
	o.mapper.Restart()
	return at
}

// TestPowerLossAlways lets a mapper's power go again and again: with always
// nothing is lost of what was accepted.
func TestPowerLossAlways(t *testing.T) {
	d := powerloss.New(t)
	o := newOrdeal(t, stack.New(t), fmt.Sprintf("{dir: %s, maxBytes: 256Mi, sync: always}", d.Path("spool")))
	for range *outages {
		o.run(500 * time.Millisecond)
		o.unplug(d)
	}
	none(t, "the log", o.end())
	none(t, "the subscriber", missing(t, "the subscriber", o.publisher.read(), o.follow.messages()))
}

// syncSlack is what a sync a second may come late by on a machine that is busy:
// it begins a second after the one before, and takes its time.
const syncSlack = 2 * time.Second

// TestPowerLossSecond does so with a sync a second: what is lost is what was
// accepted in the last second, and subscribers are told of each by a gap. (Not all
// of it need be lost: a disk writes in the order that it likes, and what is
// behind a hole comes, too.)
func TestPowerLossSecond(t *testing.T) {
	d := powerloss.New(t)
	o := newOrdeal(t, stack.New(t), fmt.Sprintf("{dir: %s, maxBytes: 256Mi, sync: 1s}", d.Path("spool")))
	var lost []time.Time
	for range *outages {
		o.run(3 * time.Second)
		lost = append(lost, o.unplug(d))
	}
	gone := o.end()
	got := o.follow.messages()
	for id, a := range missing(t, "the subscriber", o.publisher.read(), got) {
		if _, is := gone[id]; !is {
			t.Errorf("%v is in the log, and the subscriber has not got it", id)
		}
		if age := next(lost, a.At).Sub(a.At); age > time.Second+syncSlack {
			t.Errorf("%v is lost, which was accepted %v before the power went", id, age)
		}
	}
	checkTold(t, gone, got)
	t.Logf("%d lost", len(gone))
	if len(gone) == 0 {
		t.Error("nothing was lost: the disk does not forget")
	}
}

// next returns the first time after one.
func next(times []time.Time, at time.Time) time.Time {
	for _, other := range times {
		if other.After(at) {
			return other
		}
	}
	return at
}

// TestPowerLossCloud lets cloudsvc's power go again and again, while a mapper
// sends: what a subscriber has seen is in the log before the mapper could send
// it again, and in the end all is that was accepted.
func TestPowerLossCloud(t *testing.T) {
	d := powerloss.New(t)
	s := stack.NewAt(t, d.Path("data"))
	o := newOrdeal(t, s, fmt.Sprintf("{dir: %s, maxBytes: 256Mi, sync: none}", filepath.Join(t.TempDir(), "spool")))
	for range *outages {
		o.run(time.Second)
		s.Cloudsvc.Kill()
		d.Crash(o.rng.Uint64())
		none(t, "the log, of what a subscriber has seen,", missing(t, "the log", o.seen(), logged(t, s)))
		s.StartCloudsvc()
	}
	none(t, "the log", o.end())
	o.follow.checkOnce(t)
}

// TestPowerLossCloudSecond does so where cloudsvc syncs once a second: its log
// loses its end, the mapper sends again what was not durable, and in the end all
// is there that was accepted, in the log and with the subscriber, who may have
// some of it twice.
func TestPowerLossCloudSecond(t *testing.T) {
	d := powerloss.New(t)
	s := stack.NewAt(t, d.Path("data"), "--sync", "1s")
	o := newOrdeal(t, s, fmt.Sprintf("{dir: %s, maxBytes: 256Mi, sync: none}", filepath.Join(t.TempDir(), "spool")))
	forgotten := 0
	for range *outages {
		o.run(3 * time.Second)
		s.Cloudsvc.Kill()
		d.Crash(o.rng.Uint64())
		forgotten += len(missing(t, "the log", o.seen(), logged(t, s)))
		s.StartCloudsvc()
	}
	none(t, "the log", o.end())
	none(t, "the subscriber", missing(t, "the subscriber", o.publisher.read(), firsts(o.follow.messages())))
	t.Logf("%d were forgotten that a subscriber had", forgotten)
	if forgotten == 0 {
		t.Error("nothing was forgotten: the disk is synced always")
	}
}

// firsts returns messages without those that came before.
func firsts(got []dataplane.Message) []dataplane.Message {
	had := make(map[dataplane.ID]bool)
	return slices.DeleteFunc(slices.Clone(got), func(m dataplane.Message) bool {
		again := had[m.ID]
		had[m.ID] = true
		return again
	})
}

// seen returns what the subscriber has got, which had to be stored before.
func (o *ordeal) seen() map[dataplane.ID]acceptance {
	o.t.Helper()
	seen := make(map[dataplane.ID]acceptance)
	for _, m := range o.follow.messages() {
		if isLoad(m.Topic) {
			seen[m.ID] = acceptance{ID: m.ID.String(), Value: mustInt(o.t, m)}
		}
	}
	return seen
}

// TestPowerLossEras lets cloudsvc's power go as soon as it is ready, where it syncs
// once a second: that it began is known all the same. Else positions of the one
// before it would be taken for places among what this one has written.
func TestPowerLossEras(t *testing.T) {
	d := powerloss.New(t)
	s := stack.NewAt(t, d.Path("data"), "--sync", "1s")
	last := 0
	for range *outages {
		s.Cloudsvc.Kill()
		d.Crash(mathrand.Uint64())
		record := erasOf(t, s)
		if len(record) <= last {
			t.Errorf("the record of eras has %d bytes, want more than the %d of the start before", len(record), last)
		}
		last = len(record)
		s.StartCloudsvc()
	}
}
