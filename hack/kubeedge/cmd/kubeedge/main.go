// Kubeedge starts a KubeEdge on this machine, without containers, and prints how
// to use it. It runs until Ctrl-C, or until one of its programs ends, and leaves
// nothing behind but then the logs. With --build-only it builds the programs,
// where that has not been done, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"datastub/hack/kubeedge"
	"datastub/hack/kubeedge/build"
)

const usage = `kubeedge starts a KubeEdge on this machine and prints how to use it.
It runs until Ctrl-C. When one of its programs ends, or is killed, it ends them
all, says which it was and keeps their logs.

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	buildOnly := flag.Bool("build-only", false, "build the programs and end")
	folder := flag.String("folder", "", "a new folder for all files, which stays (default: a temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *buildOnly {
		_, err = build.Make(ctx, os.Stderr)
	} else {
		err = run(ctx, *folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubeedge:", err)
		os.Exit(1)
	}
}

// run runs a cluster until ctx ends, or one of its programs does.
func run(ctx context.Context, folder string) error {
	c, err := kubeedge.Start(ctx, kubeedge.Options{Folder: folder, Progress: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Printf(`
KubeEdge runs, with the edge node %s. Ctrl-C ends it.
  export KUBECONFIG=%s
  export PATH=%s:$PATH    # kubectl
  edgecore takes mappers at %s
  logs are in %s
`, kubeedge.Node, c.Kubeconfig, c.Programs.Folder(), c.DMI, c.Folder)
	err = c.Wait(ctx)
	c.Stop()
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; logs are in %s", err, c.Folder)
	}
	if folder != "" {
		return nil
	}
	return os.RemoveAll(c.Folder)
}
