package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTime bounds how long a Link's target may take to answer.
const dialTime = 5 * time.Second

// Options describe a Link.
type Options struct {
	Target  string        // where connections go on to, host:port
	Rate    int           // bytes a second of all connections together, each direction for itself; 0: as fast as can be
	Latency time.Duration // one way
	// Buffer is how many bytes wait in front of the line, first come, first
	// served, as in a modem. 0: connections take turns packet by packet.
	Buffer int
}

// A Link passes on what is sent over TCP connections.
type Link struct {
	options  Options
	listener net.Listener
	passed   struct{ up, down atomic.Int64 } // bytes

	mu       sync.Mutex
	up, down *line // to the target, and from it, of new connections
	cut      bool
	conns    map[*net.TCPConn]struct{}
}

// New listens at a free port of this machine. Nobody needs to listen at the
// target yet: who dials meanwhile is hung up on. Run gives back what New took.
func New(o Options) (*Link, error) {
	listener, err := listen()
	if err != nil {
		return nil, fmt.Errorf("listen for a link to %s: %w", o.Target, err)
	}
	l := &Link{options: o, listener: listener, conns: make(map[*net.TCPConn]struct{})}
	l.up, l.down = newLine(o.Rate, o.Buffer), newLine(o.Rate, o.Buffer)
	return l, nil
}

// Address returns where to dial instead of the target, host:port.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Bytes returns how many bytes went to the target so far, and came from it.
func (l *Link) Bytes() (up, down int64) { return l.passed.up.Load(), l.passed.down.Load() }

// SetRate changes the rate from now on.
func (l *Link) SetRate(bytes int) {
	up, down := l.lines()
	up.setRate(bytes)
	down.setRate(bytes)
}

// Cut resets all connections, and each one that comes, until Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.conns {
		reset(c)
	}
}

// Hold makes the link half open until Mend: connections stay, new ones are
// taken, bytes are too while there is room for them, and nothing is delivered,
// not even that an end has closed. Nothing is lost by it.
func (l *Link) Hold() {
	l.HoldUp()
	l.HoldDown()
}

// HoldUp does so with what goes to the target only; new connections do not
// reach it.
func (l *Link) HoldUp() {
	up, _ := l.lines()
	up.hold()
}

// HoldDown does so with what comes from the target only.
func (l *Link) HoldDown() {
	_, down := l.lines()
	down.hold()
}

// Strand makes the connections that there are half open for ever, and carries
// new ones: what is left of those whose way a router has forgotten.
func (l *Link) Strand() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.down = l.up.strand(), l.down.strand()
}

// Mend ends Cut and Hold.
func (l *Link) Mend() {
	l.mu.Lock()
	l.cut = false
	l.mu.Unlock()
	up, down := l.lines()
	up.release()
	down.release()
}

// lines returns those that new connections get.
func (l *Link) lines() (up, down *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.down
}

// Run passes on until ctx ends; then it resets all connections. Run is called
// once.
func (l *Link) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		_ = l.listener.Close()
		l.Cut()
	})()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		near, err := l.listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept at %s: %w", l.Address(), err)
		}
		connections.Go(func() { l.join(ctx, near.(*net.TCPConn)) })
	}
}

// join passes on between a connection and one to the target until either
// breaks, or both have closed.
func (l *Link) join(ctx context.Context, near *net.TCPConn) {
	if !l.keep(near) {
		return
	}
	defer l.forget(near)
	up, down := l.lines()
	if up.pass(ctx) != nil {
		return
	}
	far, err := dial(ctx, l.options.Target)
	if err != nil {
		reset(near)
		return
	}
	if !l.keep(far) {
		return
	}
	defer l.forget(far)
	joined, end := context.WithCancel(ctx)
	defer end()
	var both sync.WaitGroup
	for _, p := range []*pipe{
		{line: up, from: near, to: far, latency: l.options.Latency, passed: &l.passed.up},
		{line: down, from: far, to: near, latency: l.options.Latency, passed: &l.passed.down},
	} {
		both.Go(func() {
			if p.run(joined) != nil {
				reset(near)
				reset(far)
				end() // for the other direction, which may be waiting for its turn
			}
		})
	}
	both.Wait()
}

// keep takes a connection, unless the link is cut.
func (l *Link) keep(c *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		reset(c)
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) forget(c *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	_ = c.Close()
}

// reset ends a connection with a RST.
func reset(c *net.TCPConn) { _ = errors.Join(c.SetLinger(0), c.Close()) }
