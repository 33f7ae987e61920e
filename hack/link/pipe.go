package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// packet is how many bytes a connection gets on the line before another one
	// has its turn: what Ethernet carries.
	packet = 1460
	// inAir is how many packets of a connection may be under way. It bounds what
	// a line of some latency carries, and a held one takes.
	inAir = 256
)

// A pipe is one direction of one connection.
type pipe struct {
	line     *line
	from, to *net.TCPConn
	latency  time.Duration
	passed   *atomic.Int64 // bytes, counted before the other side can tell
}

// flying is a packet under way.
type flying struct {
	bytes []byte
	at    time.Time // when it arrives
}

// run passes on until from is closed by its end, and closes to as well. An
// error is that a connection broke, or ctx has ended.
func (p *pipe) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	air := make(chan flying, inAir)
	g.Go(func() error {
		defer close(air)
		return p.take(ctx, air)
	})
	g.Go(func() error { return p.deliver(ctx, air) })
	return g.Wait()
}

// take reads packets, and gives each its time on the line.
func (p *pipe) take(ctx context.Context, air chan<- flying) error {
	for {
		buffer := make([]byte, packet)
		n, err := p.from.Read(buffer)
		if n > 0 {
			if err := p.line.pass(ctx); err != nil {
				return err
			}
			done, err := p.line.carry(ctx, n)
			if err != nil {
				return err
			}
			select {
			case air <- flying{buffer[:n], done.Add(p.latency)}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// deliver writes packets when they arrive, and at last that from was closed.
func (p *pipe) deliver(ctx context.Context, air <-chan flying) error {
	for f := range air {
		if err := errors.Join(pause(ctx, time.Until(f.at)), p.line.pass(ctx)); err != nil {
			return err
		}
		p.passed.Add(int64(len(f.bytes)))
		if _, err := p.to.Write(f.bytes); err != nil {
			return err
		}
	}
	if err := p.line.pass(ctx); err != nil {
		return err
	}
	return p.to.CloseWrite()
}
