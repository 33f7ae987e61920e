package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// verified is what datastub verify prints.
type verified struct {
	ledger.Ledger
	Received *struct {
		Messages int
		Faults   []ledger.Fault
	}
	Verdict string
}

// verify runs datastub verify and returns what it prints, and its exit status.
func verify(t *testing.T, s *stack.Stack, args ...string) (v verified, status int) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := stack.Command("datastub", append([]string{"verify", "-o", "json", "--server", s.URL()}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("datastub verify: %v: %s\n%s", err, out, &stderr)
	}
	return v, cmd.ProcessState.ExitCode()
}

// epochs returns the verdict of each epoch of a class, in order.
func (v *verified) epochs(class dataplane.Class) (verdicts []ledger.Verdict) {
	for _, a := range v.Accounts {
		if a.Class == class {
			for _, e := range a.Epochs {
				verdicts = append(verdicts, e.Verdict)
			}
		}
	}
	return verdicts
}

func (v *verified) lost() (n uint64) {
	for _, a := range v.Accounts {
		for _, e := range a.Epochs {
			n += e.Lost
		}
	}
	return n
}

// TestVerifyWithDisk kills a mapper whose spool is on disk, and cloudsvc, and
// all of it is proven, also what subscribers got, to the last message.
func TestVerifyWithDisk(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	dir := filepath.Join(t.TempDir(), "spool")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")}, fmt.Sprintf("  spool: {dir: %s}", dir))
	f.more(t, "at the start")
	m.Kill()
	m.Restart()
	f.more(t, "after a kill of the mapper")
	s.Cloudsvc.Kill()
	s.StartCloudsvc()
	f.more(t, "after a kill of cloudsvc")
	if v, status := verify(t, s); status != 0 || !slices.Equal(v.epochs(dataplane.RT), []ledger.Verdict{ledger.Proven, ledger.Open}) {
		t.Errorf("while the mapper runs: status %d, %+v", status, v)
	}
	m.Stop()
	stack.Eventually(t, "all is proven", func() bool {
		v, status := verify(t, s)
		proven := []ledger.Verdict{ledger.Proven, ledger.Proven}
		return status == 0 && slices.Equal(v.epochs(dataplane.RT), proven) && slices.Equal(v.epochs(dataplane.BT), proven)
	})
	s.Cloudsvc.Stop()
	s.StartCloudsvc()
	if v, status := verify(t, s, "--publisher", "edge-1/mapper"); status != 0 || strings.Contains(v.Verdict, "unproven") || v.lost() != 0 {
		t.Errorf("after a restart of cloudsvc: status %d, %s", status, v.Verdict)
	}
}

// TestVerifyInMemory: nobody knows what a mapper without a disk had when it was
// killed, and that is told as a gap; one that stops has told its end.
func TestVerifyInMemory(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	f.more(t, "at the start")
	m.Kill()
	m.Restart()
	f.more(t, "after a kill")
	m.Stop()
	var v verified
	stack.Eventually(t, "the end of the second start", func() bool {
		var status int
		v, status = verify(t, s)
		return status == 0 && slices.Equal(v.epochs(dataplane.RT), []ledger.Verdict{ledger.Unproven, ledger.Proven})
	})
	open := 0
	for _, m := range f.messages() {
		if loss, is := m.Loss(); is && loss.IsUnknown() && strings.Contains(loss.Reason, "in memory only") {
			open++
		}
	}
	if gaps := listGaps(t, s).Gaps; open == 0 || len(gaps) != open || gaps[0].To != 0 || gaps[0].Count != 0 {
		t.Errorf("subscribers were told of %d open gaps, listed are %+v", open, gaps)
	}
}

// TestVerifyReceived takes what a subscriber got for what is stored, and finds
// the line that is taken out, or is there twice.
func TestVerifyReceived(t *testing.T) {
	s := stack.New(t)
	f := follow(t, s, "#")
	m := s.StartMapper("edge-1", map[string]string{"a.yaml": stack.VirtualDevice("counter-1")})
	f.more(t, "at the start")
	m.Stop()
	stack.Eventually(t, "all is delivered", func() bool {
		v, _ := verify(t, s)
		var stored uint64 // but for events, which # does not match
		for _, a := range v.Accounts {
			stored += a.Counts.Stored
			for _, e := range a.Epochs {
				stored -= e.Events.Len()
			}
		}
		return stored > 0 && uint64(f.count()) == stored
	})
	got := f.messages()
	file := filepath.Join(t.TempDir(), "got.ndjson")
	check := func(what string, messages []dataplane.Message, kind ledger.FaultKind, id dataplane.ID) {
		t.Helper()
		var lines bytes.Buffer
		for i := range messages {
			lines.Write(append(messages[i].AppendJSON(nil), '\n'))
		}
		if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		v, status := verify(t, s, "--received", file)
		if kind == "" {
			if status != 0 || len(v.Received.Faults) != 0 || v.Received.Messages != len(messages) {
				t.Errorf("%s: status %d, %+v", what, status, v.Received)
			}
			return
		}
		if status != 1 || len(v.Received.Faults) != 1 || v.Received.Faults[0].Kind != kind || v.Received.Faults[0].Span != (ledger.Span{From: id.Seq, To: id.Seq}) {
			t.Errorf("%s: status %d, %+v, want %v %v", what, status, v.Received, id, kind)
		}
	}
	check("all", got, "", dataplane.ID{})
	rt := slices.IndexFunc(got, func(m dataplane.Message) bool { return m.Class == dataplane.RT })
	at := rt + 1 + slices.IndexFunc(got[rt+1:], func(m dataplane.Message) bool { return m.Class == dataplane.RT })
	check("one taken out", slices.Delete(slices.Clone(got), at, at+1), ledger.NotDelivered, got[at].ID)
	check("one twice", slices.Insert(slices.Clone(got), at, got[at]), ledger.CameTwice, got[at].ID)
}
