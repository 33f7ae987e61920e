package e2e

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/hack/link"
	"datastub/hack/stack"
)

var (
	// kills is how often TestKills kills a mapper, falls how often TestHooks kills
	// cloudsvc, stops how often TestStops stops it, and outages how often the power
	// goes in each test of it.
	kills   = flag.Int("kills", 25, "times that TestKills kills a mapper")
	falls   = flag.Int("falls", 15, "times that TestHooks kills cloudsvc")
	stops   = flag.Int("stops", 6, "times that TestStops stops cloudsvc")
	outages = flag.Int("outages", 10, "times that the power goes in each test of power loss")
)

// An ordeal is a mapper that ends in bad ways again and again, a publisher at
// its socket, and a subscriber to all of it.
type ordeal struct {
	t         *testing.T
	stack     *stack.Stack
	link      *link.Link
	mapper    *stack.Mapper
	follow    *follower
	publisher *publisher
	stop      func() // ends the publisher
	rng       *mathrand.Rand
	seed      uint64
}

// newOrdeal starts all of it, with a spool as the mapper's config has it.
func newOrdeal(t *testing.T, s *stack.Stack, spool string) *ordeal {
	t.Helper()
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // it never fails
	o := &ordeal{t: t, stack: s, link: s.StartLink(link.Options{}), follow: follow(t, s, "#"), seed: binary.BigEndian.Uint64(seed[:])}
	t.Logf("seed %d", o.seed)
	o.rng = mathrand.New(mathrand.NewPCG(o.seed, 0))
	dir, err := os.MkdirTemp("", "datastub-") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "publish.sock")
	o.mapper = s.StartMapper("edge-1", nil, "  socket: "+socket, "  spool: "+spool)
	o.publisher, o.stop = startPublisher(t, socket, load{})
	return o
}

// run has the mapper accept something, or not if it is to end as it starts, and
// then lets some time pass.
func (o *ordeal) run(most time.Duration) {
	o.t.Helper()
	if o.rng.IntN(3) > 0 {
		o.accept(1)
	}
	pass(o.t.Context(), time.Duration(o.rng.Int64N(int64(most)))) // any moment will do
}

// accept waits until so much more is accepted.
func (o *ordeal) accept(n int64) {
	o.t.Helper()
	before := o.publisher.accepted.Load()
	stack.Eventually(o.t, "values are accepted", func() bool {
		if !o.mapper.Running() {
			o.t.Fatalf("the mapper ended:\n%s", o.mapper.Log)
		}
		return o.publisher.accepted.Load() >= before+n
	})
}

// turn breaks the link to cloudsvc, or mends it.
func (o *ordeal) turn() {
	if o.rng.IntN(2) == 0 {
		o.link.Cut()
	} else {
		o.link.Mend()
	}
}

// end has all arrive that is still to come, and returns what of that which was
// accepted is not in the log. What subscribers got is what the log has.
func (o *ordeal) end() map[dataplane.ID]acceptance {
	o.t.Helper()
	o.link.Mend()
	// Cloudsvc is told how an epoch ended with the first record of the next one.
	stack.Eventually(o.t, "values of this epoch", func() bool {
		return o.each("accepted_records_total", func(n uint64) bool { return n > 0 })
	})
	o.stop()
	stack.Eventually(o.t, "nothing waits any more", func() bool {
		return o.each("records", func(n uint64) bool { return n == 0 })
	})
	o.mapper.Stop()
	o.catchUp()
	o.stack.Cloudsvc.Stop()
	accepted := o.publisher.read()
	o.t.Logf("%d accepted", len(accepted))
	return missing(o.t, "the log", accepted, logged(o.t, o.stack))
}

// catchUp waits until the subscriber has what is in the log: it may be waiting to
// connect again, or read what it missed. What is stored last of a class comes last.
func (o *ordeal) catchUp() {
	o.t.Helper()
	before := o.follow.count()
	var last []dataplane.Message
	for _, class := range dataplane.Classes {
		last = append(last, dataplane.Message{Topic: "ordeal/end", Namespace: "default", Device: "ordeal", Class: class, Value: dataplane.IntValue(1)})
	}
	ids, err := newClient(o.t, o.stack).Publish(o.t.Context(), last...)
	if err != nil {
		o.t.Fatal(err)
	}
	stack.Eventually(o.t, "the subscriber has what is stored last", func() bool {
		got := o.follow.messages()
		return !slices.ContainsFunc(ids, func(id dataplane.ID) bool {
			return !slices.ContainsFunc(got, func(m dataplane.Message) bool { return m.ID == id })
		})
	})
	o.t.Logf("%d came after all was stored", o.follow.count()-before-len(ids))
}

// each tells whether a metric of the mapper's spool is right for each class.
func (o *ordeal) each(metric string, right func(uint64) bool) bool {
	o.t.Helper()
	metrics := scrape(o.t, o.mapper.URL())
	for _, class := range dataplane.Classes {
		if !right(number(o.t, value(metrics, fmt.Sprintf(`datastub_mapper_spool_%s{class="%v"}`, metric, class)))) {
			return false
		}
	}
	return true
}

// logged returns all messages in the log of a cloudsvc that has stopped.
func logged(t *testing.T, s *stack.Stack) (all []dataplane.Message) {
	t.Helper()
	eachFrame(t, s, func(_ dataplane.Class, _ cloudsvc.Range, _ dataplane.Frame, messages []dataplane.Message) {
		all = append(all, messages...)
	})
	return all
}

// checkTold fails unless each message that is missing is in a gap, and none that
// came.
func checkTold(t *testing.T, missing map[dataplane.ID]acceptance, got []dataplane.Message) {
	t.Helper()
	gaps := map[run][]dataplane.ID{}
	for _, m := range got {
		if m.ID.IsGap() {
			lane := run{m.ID.Publisher, m.ID.Class, m.ID.Epoch}
			gaps[lane] = append(gaps[lane], m.ID)
		}
	}
	told := func(id dataplane.ID) bool {
		return slices.ContainsFunc(gaps[run{id.Publisher, id.Class, id.Epoch}], func(gap dataplane.ID) bool {
			return gap.Seq <= id.Seq && id.Seq <= gap.Through
		})
	}
	for _, m := range got {
		if isLoad(m.Topic) && told(m.ID) {
			t.Errorf("%v came, and is in a gap", m.ID)
		}
	}
	for id := range missing {
		if !told(id) {
			t.Errorf("%v is lost, and in none of the gaps %v", id, gaps[run{id.Publisher, id.Class, id.Epoch}])
		}
	}
}

// none fails if anything is missing.
func none(t *testing.T, who string, missing map[dataplane.ID]acceptance) {
	t.Helper()
	for _, class := range dataplane.Classes {
		var all []acceptance
		for id, a := range missing {
			if id.Class == class {
				all = append(all, a)
			}
		}
		if len(all) == 0 {
			continue
		}
		slices.SortFunc(all, func(a, b acceptance) int { return cmp.Compare(a.Value, b.Value) })
		first, last := all[0], all[len(all)-1]
		t.Errorf("%s has not got %d of %v, from %s with %d, sent at %v and accepted after %v, to %s with %d",
			who, len(all), class, first.ID, first.Value, first.At, first.Took, last.ID, last.Value)
	}
}
