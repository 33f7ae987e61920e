package natslog

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/hack/poll"
)

// openFolder opens a log on the embedded server.
func openFolder(t testing.TB, dir string) *Log {
	t.Helper()
	return open(t, Options{Dir: dir, Logger: klog.Background()})
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// clusterOptions are those of a NATS server that listens on a free port.
func clusterOptions(t testing.TB) *server.Options {
	t.Helper()
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		MaxPayload: 8 << 20, NoLog: true, NoSigs: true,
	}
}

// runServer runs a real NATS server, and a second time with the same options on
// the same port.
func runServer(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stopServer(s) })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server is not ready")
	}
	return s
}

func portOf(s *server.Server) int { return s.Addr().(*net.TCPAddr).Port }

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func mustAppend(t testing.TB, l *Log, class dataplane.Class, block string) uint64 {
	t.Helper()
	seq, err := l.Append(t.Context(), class, 0, []byte(block))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// appendAll appends blocks of class RT, numbered from first to last.
func appendAll(t testing.TB, l *Log, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		mustAppend(t, l, dataplane.RT, fmt.Sprintf("block %d", n))
	}
}

// stored returns what is in the log behind a sequence, "<sequence> <block>" each.
func stored(t testing.TB, l *Log, class dataplane.Class, after uint64) []string {
	t.Helper()
	var all []string
	err := l.Replay(t.Context(), class, after, func(seq uint64, _ time.Time, block []byte) error {
		all = append(all, fmt.Sprintf("%d %s", seq, block))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eventually waits until what is asked for is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	poll.Within(t, 20*time.Second, what, so)
}
