package hostile

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"datastub/hack/stack"
)

// A siege is a cloudsvc under attack, and the neighbour whose values must go
// on meanwhile: a mapper with a device, and a subscriber to it.
type siege struct {
	*stack.Stack
	t   *testing.T
	sub *stack.Subscriber
}

// besiege starts all of it, cloudsvc with further arguments.
func besiege(t *testing.T, args ...string) *siege {
	t.Helper()
	s := &siege{Stack: stack.New(t, args...), t: t}
	s.sub = s.Subscribe("count/fast")
	s.StartMapper("neighbour", map[string]string{"device.yaml": stack.VirtualDevice("counter-1")})
	s.flows("before the attack")
	return s
}

// flows waits for a dozen of the neighbour's values, and holds all that came
// to an unbroken sequence.
func (s *siege) flows(when string) {
	s.t.Helper()
	n := len(s.sub.Messages("counter-1"))
	stack.Eventually(s.t, "the neighbour's values "+when, func() bool { return len(s.sub.Messages("counter-1")) >= n+12 })
	stack.CheckUnbroken(s.t, "the neighbour's subscriber "+when, s.sub.Messages("counter-1"))
}

// peak returns the most memory that cloudsvc ever had, in MiB. The race
// detector multiplies what Go takes by five or so.
func (s *siege) peak() (mib int64) {
	s.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.Cloudsvc.ID()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			if _, err := fmt.Sscan(text, &mib); err != nil {
				s.t.Fatal(err)
			}
			return mib >> 10
		}
	}
	s.t.Fatal("no VmHWM in the status of cloudsvc")
	return 0
}

// holds fails if cloudsvc ever had more memory than so many MiB.
func (s *siege) holds(maxMiB int64) {
	s.t.Helper()
	s.flows("after the attack")
	peak := s.peak()
	s.t.Logf("cloudsvc had %d MiB at most", peak)
	if peak > maxMiB {
		s.t.Errorf("cloudsvc had %d MiB at most, want no more than %d", peak, maxMiB)
	}
}
