package dmi

import (
	"context"
	"fmt"

	"google.golang.org/grpc/connectivity"
)

// Probe tells whether somebody speaks gRPC at EdgeCore's socket: nil if so, at
// the latest when ctx ends. It registers nothing.
func Probe(ctx context.Context, path string) error {
	e, err := newEdge(path)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	e.conn.Connect()
	for state := e.conn.GetState(); state != connectivity.Ready; state = e.conn.GetState() {
		if !e.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("connect to EdgeCore at %s: nobody answers as gRPC does: %w", path, ctx.Err())
		}
	}
	return nil
}
