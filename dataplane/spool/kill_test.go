package spool_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"datastub/dataplane"
	"datastub/dataplane/spool"
)

// kills is how often TestKill kills a publisher, 0 for as often as it can within
// killFor.
var kills = flag.Int("kills", 0, "times that TestKill kills a publisher; 0: as many as fit some seconds")

const killFor = 12 * time.Second

// killDir makes the test's program the publisher that is killed.
const killDir = "DATASTUB_SPOOL_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		publishForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

func openAt(dir string, wake func(dataplane.Class)) (*spool.Spool, error) {
	return spool.Open(spool.Options{
		Publisher: "edge-1/mapper", Now: time.Now, Wake: wake,
		Storage: spool.Storage{Dir: filepath.Join(dir, "spool"), MaxBytes: 256 << 20, Sync: spool.SyncNone},
	})
}

// A ledger's entry is what a message was accepted as: its lane, device, value,
// epoch, sequence and that of its series.
const ledgerEntry = 6 * 8

func entryOf(m *dataplane.Message) (b [ledgerEntry]byte) {
	value, _ := m.Value.Int64()
	device := uint64(m.Device[0])
	for i, n := range [...]uint64{uint64(m.Class), device, uint64(value), m.ID.Epoch, m.ID.Seq, m.Seq} {
		binary.BigEndian.PutUint64(b[8*i:], n)
	}
	return b
}

// publishForEver publishes, and keeps a ledger of what was accepted, until it
// is killed.
func publishForEver(dir string) {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ledger, err := os.OpenFile(filepath.Join(dir, "ledger"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	size, err := ledger.Seek(0, io.SeekEnd)
	check(err)
	check(ledger.Truncate(size - size%ledgerEntry)) // an entry that was being written
	s, err := openAt(dir, nil)
	check(err)
	fmt.Println("publishing")
	for value := int64(0); ; {
		messages := make([]dataplane.Message, 1+value%7)
		for i := range messages {
			value++
			messages[i] = dataplane.Message{
				Namespace: "default", Topic: "count", Device: string(rune('a' + value%5)), Class: dataplane.Classes[value/3%2],
				Value: dataplane.IntValue(value), Time: time.Unix(0, value),
			}
		}
		check(s.Append(messages))
		check(s.Settle(context.Background())) // a disk that does not answer for a moment is no reason to fail
		var entries []byte
		for i := range messages {
			b := entryOf(&messages[i])
			entries = append(entries, b[:]...)
		}
		_, err := ledger.Write(entries)
		check(err)
		check(ledger.Sync())
	}
}

// TestKill kills a publisher again and again, as the kernel does: nothing that
// it accepted is missing, nothing comes twice and nothing out of order.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // any moment will do
	begin, n := time.Now(), 0
	for ; n < *kills || *kills == 0 && time.Since(begin) < killFor; n++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("the publisher does not start: %v", err)
		}
		timer := time.NewTimer(time.Duration(rng.IntN(20)) * time.Millisecond)
		<-timer.C
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
	accepted := readLedger(t, dir)
	woken := make(chan struct{}, 1)
	s, err := openAt(dir, func(dataplane.Class) {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range dataplane.Classes {
		follow(t, s.Lane(c).Next, woken, accepted[c])
	}
	t.Logf("%d kills, %d accepted", n, len(accepted[dataplane.RT])+len(accepted[dataplane.BT]))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// readLedger returns what was accepted, by class.
func readLedger(t *testing.T, dir string) (accepted [3][][ledgerEntry]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= ledgerEntry; b = b[ledgerEntry:] {
		class := binary.BigEndian.Uint64(b)
		accepted[class] = append(accepted[class], [ledgerEntry]byte(b))
	}
	return accepted
}

// follow goes through a lane, and holds it to what was accepted. What was
// written and not yet told when the publisher was killed may be there too.
func follow(t *testing.T, next func(dataplane.Mark, int, int) (*dataplane.Batch, *dataplane.Gap), woken <-chan struct{}, accepted [][ledgerEntry]byte) {
	t.Helper()
	var mark dataplane.Mark
	seqs := map[string]uint64{}
	for len(accepted) > 0 {
		batch, gap := next(mark, 1000, 1<<20)
		if gap != nil {
			t.Fatalf("there is a gap: %+v", gap)
		}
		if batch == nil {
			select {
			case <-woken:
			case <-time.After(10 * time.Second):
				t.Fatalf("nothing comes behind %v, where %d are missing", mark, len(accepted))
			}
			continue
		}
		if first := (dataplane.Mark{Epoch: batch.Epoch, Seq: batch.First}); first.Compare(mark) <= 0 {
			t.Fatalf("%v comes behind %v", first, mark)
		}
		for i := range batch.Messages {
			m := &batch.Messages[i]
			if m.Seq <= seqs[m.Device] {
				t.Fatalf("%v of %s follows %d", m.Seq, m.Device, seqs[m.Device])
			}
			seqs[m.Device] = m.Seq
			if len(accepted) > 0 && entryOf(m) == accepted[0] {
				accepted = accepted[1:]
			}
		}
		mark = dataplane.Mark{Epoch: batch.Epoch, Seq: batch.Last()}
	}
}
