package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"datastub/dataplane"
	"datastub/hack/powerloss"
	"datastub/hack/stack"
)

// TestSpoolDiskFails has a disk that is full, or read-only, under a mapper, with
// cloudsvc there and away: values go on, those that there is no memory for are
// told exactly, and the mapper goes back to the disk by itself.
func TestSpoolDiskFails(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		dir := newTmpfs(t, "3m")
		ballast := filepath.Join(dir, "ballast")
		fillUp := func() {
			if os.WriteFile(ballast, make([]byte, 4<<20), 0o600) == nil {
				t.Fatal("the tmpfs took more than it has")
			}
		}
		checkDiskFails(t, filepath.Join(dir, "spool"), fillUp, func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("read-only", func(t *testing.T) {
		d := powerloss.New(t)
		checkDiskFails(t, d.Path("spool"), func() { d.SetReadOnly(true) }, func() { d.SetReadOnly(false) })
	})
}

func checkDiskFails(t *testing.T, dir string, fail, mend func()) {
	t.Helper()
	o := newOrdeal(t, stack.New(t), fmt.Sprintf("{dir: %s, maxBytes: 256Ki, sync: 1s}", dir))
	metric := func(name string) string { return value(scrape(t, o.mapper.URL()), "datastub_mapper_spool_"+name) }
	onDisk := func(want string) {
		t.Helper()
		stack.Eventually(t, "spool_on_disk "+want, func() bool { return metric("on_disk") == want })
	}
	onDisk("1")
	o.accept(100)
	fail()
	onDisk("0")
	o.follow.more(t, "while the disk fails")
	o.link.Cut()
	for _, class := range dataplane.Classes {
		dropped := fmt.Sprintf(`dropped_records_total{class="%v"}`, class)
		stack.Eventually(t, "an overflow of "+class.String(), func() bool { return number(t, metric(dropped)) > 200 })
	}
	mend()
	onDisk("1")
	if got := metric("faults_total"); got != "1" {
		t.Errorf("faults: got %s, want 1", got)
	}
	o.link.Mend()
	lost := o.end()
	got := o.follow.messages()
	none(t, "the subscriber, of what the log has,", without(missing(t, "the subscriber", o.publisher.read(), got), lost))
	checkTold(t, lost, got)
	t.Logf("%d lost", len(lost))
	if len(lost) == 0 {
		t.Error("nothing was lost: there was room for all")
	}
}

// without returns what is in one and not in the other.
func without(all, some map[dataplane.ID]acceptance) map[dataplane.ID]acceptance {
	left := make(map[dataplane.ID]acceptance)
	for id, a := range all {
		if _, is := some[id]; !is {
			left[id] = a
		}
	}
	return left
}
