package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"

	"datastub/hack/stack"
)

// TestMain is this program in a role, when a test starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && slices.Contains(roles[:], os.Args[1]) {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := run(ctx, os.Args[1:]); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(stack.Run(m))
}
