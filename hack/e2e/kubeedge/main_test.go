package kubeedge

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// cluster is the KubeEdge that all tests share. They run one after another: a
// node has one mapper a protocol, and some kill what the others need.
var cluster *kubeedge.Cluster

func TestMain(m *testing.M) { os.Exit(stack.Run(suite{m})) }

// suite is the tests with a KubeEdge around them.
type suite struct{ tests *testing.M }

// Run starts KubeEdge, runs the tests and ends it. Its logs stay where a test
// has failed.
func (s suite) Run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	cluster, err = kubeedge.Start(ctx, kubeedge.Options{Progress: os.Stderr})
	stop() // from here on a signal ends the tests, and the kernel the rest
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := s.tests.Run()
	cluster.Stop()
	if status != 0 {
		fmt.Fprintf(os.Stderr, "KubeEdge's logs are in %s\n", cluster.Folder)
		return status
	}
	if err := os.RemoveAll(cluster.Folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
