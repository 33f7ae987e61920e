// Command datastub is the command line of DataStub: it subscribes to
// messages, publishes them, lists nodes, and watches the flow. See
// datastub --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetOutput(io.Discard) // net/http's remarks on connections: errors have what matters
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr}, os.Getenv)
	stop()
	os.Exit(status)
}

// errInterrupted ends a command by Ctrl-C, and is told with what that means.
var errInterrupted = errors.New("interrupted")

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// say tells the user something that is no output.
func (t *terminal) say(format string, args ...any) {
	fmt.Fprintf(t.err, "datastub: "+format+"\n", args...)
}

// run runs one command line and returns its exit status.
func run(ctx context.Context, args []string, term terminal, getenv func(string) string) int {
	a := &app{terminal: term}
	root := newRoot(a, getenv)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return statusOK
	case ctx.Err() != nil && !errors.Is(err, errInterrupted):
		a.say("interrupted before cloudsvc answered")
		return statusFailed
	}
	a.say("%s", a.explain(cmd, err))
	return statusOf(err)
}
