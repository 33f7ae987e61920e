package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that sends back what comes.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

func start(t *testing.T, o Options) *Link {
	t.Helper()
	o.Target = echo(t)
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

func dialled(t *testing.T, l *Link) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// trip sends bytes there and back, and returns how long that took.
func trip(t *testing.T, c *net.TCPConn, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	want := bytes.Repeat([]byte("0123456789abcde\n"), n/16)
	var writing sync.WaitGroup
	writing.Go(func() {
		if _, err := c.Write(want); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("there and back: %v, the same %v", err, bytes.Equal(got, want))
	}
	writing.Wait()
	return time.Since(begin)
}

func TestLinkPassesOn(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	c := dialled(t, l)
	trip(t, c, 1<<20)
	if up, down := l.Bytes(); up != 1<<20 || down != 1<<20 {
		t.Errorf("passed on: %d, %d: want 1 MiB each way", up, down)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d bytes, %v", n, err)
	}
}

// TestLinkIsSlow holds what is certain however busy the machine is: the line
// is never faster than its rate, for all connections together, nor nearer.
func TestLinkIsSlow(t *testing.T) {
	t.Parallel()
	l := start(t, Options{Rate: 200 << 10, Latency: 50 * time.Millisecond})
	var both sync.WaitGroup
	begin := time.Now()
	for range 2 {
		c := dialled(t, l)
		both.Go(func() { trip(t, c, 40<<10) })
	}
	both.Wait()
	if took := time.Since(begin); took < 400*time.Millisecond {
		t.Errorf("2 x 40 KiB at 200 KiB a second: %v", took)
	}
	if took := trip(t, dialled(t, l), 16); took < 100*time.Millisecond {
		t.Errorf("a round trip of twice 50 ms: %v", took)
	}
	l.SetRate(0)
	trip(t, dialled(t, l), 1<<20) // would take 5 s
}

func TestLinkIsCut(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	c := dialled(t, l)
	trip(t, c, 16)
	l.Cut()
	wantReset := func(err error) {
		t.Helper()
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("on a cut link: %v: want a reset", err)
		}
	}
	_, err := c.Read(make([]byte, 1))
	wantReset(err)
	late, err := net.Dial("tcp", l.Address())
	if err == nil { // else the reset came before Dial was done
		defer late.Close()
		_, err = late.Read(make([]byte, 1))
	}
	wantReset(err)
	l.Mend()
	trip(t, dialled(t, l), 16)
}

func TestLinkIsHeld(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	c, closing := dialled(t, l), dialled(t, l)
	trip(t, c, 16)
	trip(t, closing, 16)
	l.Hold()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if err := closing.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantSilence(t, c)
	wantSilence(t, closing)
	l.Mend()
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
		t.Errorf("after Mend: %q, %v", got, err)
	}
	if _, err := closing.Read(got); !errors.Is(err, io.EOF) {
		t.Errorf("the end that was held: %v", err)
	}
}

// TestLinkIsHeldOneWay tells that the one side has spoken by what the other
// does not answer.
func TestLinkIsHeldOneWay(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*Link){"up": (*Link).HoldUp, "down": (*Link).HoldDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, Options{})
			c := dialled(t, l)
			trip(t, c, 16)
			hold(l)
			if _, err := c.Write([]byte("held")); err != nil {
				t.Fatal(err)
			}
			wantSilence(t, c)
			if up, _ := l.Bytes(); up != map[string]int64{"up": 16, "down": 20}[name] {
				t.Errorf("%d bytes reached the target", up)
			}
			l.Mend()
			got := make([]byte, 4)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
				t.Errorf("after Mend: %q, %v", got, err)
			}
		})
	}
}

func TestLinkStrandsConnections(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	stranded := dialled(t, l)
	trip(t, stranded, 16)
	l.Strand()
	l.Mend()
	trip(t, dialled(t, l), 16)
	if _, err := stranded.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	wantSilence(t, stranded)
	if up, down := l.Bytes(); up != 32 || down != 32 {
		t.Errorf("passed on: %d, %d: want 32 each way", up, down)
	}
}

func wantSilence(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a held link gave %d bytes, %v", n, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// TestLinkHasABuffer has one connection fill it, and another one wait behind.
func TestLinkHasABuffer(t *testing.T) {
	t.Parallel()
	const rate, waiting = 100 << 10, 40 << 10
	l := start(t, Options{Rate: rate, Buffer: 64 << 10})
	first, second := dialled(t, l), dialled(t, l)
	trip(t, second, 16)
	if _, err := first.Write(make([]byte, waiting)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return l.up.queued() > waiting/2 })
	if took := trip(t, second, 16); took < 100*time.Millisecond {
		t.Errorf("behind 20 KiB at 100 KiB a second: %v", took)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("not before the test ended")
		}
	}
}

// queued returns how many bytes wait in front of the line.
func (l *line) queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(time.Until(l.free) * time.Duration(l.rate) / time.Second)
}
