package hostile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"datastub/hack/stack"
)

// maxGrowth is what a mapper may grow by, in bytes, whatever it is given. It is
// built with the race detector, which takes 5 to 10 times the memory of what
// is checked; a file of 1 MiB that is parsed takes some 20 MiB without it.
const maxGrowth = 384 << 20

// neighbour is the device beside every attack.
const neighbour = "neighbour"

// An edge is a mapper whose neighbour flows to a subscriber.
type edge struct {
	*stack.Mapper
	t      *testing.T
	sub    *stack.Subscriber
	memory int64 // before the attack, in bytes
}

// startEdge starts cloudsvc, a subscriber to everything and a mapper with
// devices by file name and the neighbour, and waits for the neighbour.
func startEdge(t *testing.T, devices map[string]string) *edge {
	t.Helper()
	s := stack.New(t)
	e := &edge{t: t, sub: s.Subscribe("#")}
	all := map[string]string{"neighbour.yaml": stack.VirtualDevice(neighbour)}
	for name, text := range devices {
		all[name] = text
	}
	e.Mapper = s.StartMapper("edge-1", all)
	e.flows(neighbour)
	e.memory = e.Memory()
	return e
}

// flows waits for further values of a device.
func (e *edge) flows(device string) {
	e.t.Helper()
	n := len(e.sub.Messages(device))
	stack.Eventually(e.t, "more values of "+device, func() bool {
		if !e.Running() {
			e.t.Fatalf("the mapper ended:\n%.20000s", e.Log)
		}
		return len(e.sub.Messages(device)) > n+20
	})
}

// told waits for a line of the mapper's log that has all the texts. A text is
// as the error says it, without the log's quotes.
func (e *edge) told(texts ...string) {
	e.t.Helper()
	stack.Eventually(e.t, "a line with "+strings.Join(texts, " and "), func() bool { return e.lines(texts...) > 0 })
}

// lines returns how many lines of the mapper's log have all the texts.
func (e *edge) lines(texts ...string) int {
	n := 0
	for line := range strings.Lines(e.Log.String()) {
		all := true
		for _, text := range texts {
			quoted := strconv.Quote(text)
			all = all && (strings.Contains(line, text) || strings.Contains(line, quoted[1:len(quoted)-1]))
		}
		if all {
			n++
		}
	}
	return n
}

// unharmed fails unless the neighbour went on without a gap and the mapper has
// not grown too much.
func (e *edge) unharmed() {
	e.t.Helper()
	e.flows(neighbour)
	e.unbroken(neighbour)
	grown := e.Memory() - e.memory
	e.t.Logf("memory: %d MiB, and %d more now", e.memory>>20, grown>>20)
	if grown > maxGrowth {
		e.t.Errorf("the mapper has grown by %d MiB, want %d at the most", grown>>20, maxGrowth>>20)
	}
}

// unbroken fails unless a device's sequences rise by one.
func (e *edge) unbroken(device string) {
	e.t.Helper()
	stack.CheckUnbroken(e.t, "subscriber", e.sub.Messages(device))
}

// path returns where a file of devices is.
func (e *edge) path(name string) string { return filepath.Join(e.Folder, name) }

// remove removes what is in the folder under a name.
func (e *edge) remove(name string) {
	e.t.Helper()
	if err := os.RemoveAll(e.path(name)); err != nil {
		e.t.Fatal(err)
	}
}
