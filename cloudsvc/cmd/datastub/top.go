package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

// minInterval is the shortest time between two tables that can be read.
const minInterval = 100 * time.Millisecond

// A top shows the rates of a feed.
type top struct {
	out      io.Writer
	screen   *screen // nil: each table is printed below the one before
	output   format
	interval time.Duration
	count    int // of tables; 0 never ends

	mu     sync.Mutex
	flows  *flows
	notice string // what last happened to the connection
}

func newTop(a *app) *cobra.Command {
	t := &top{out: a.out}
	var output *format
	var count *int
	var address string
	cmd := &cobra.Command{
		Use:   "top [FILTER]",
		Short: "Watch what flows, by topic and node",
		Long: `top shows what flows, by topic and node, the most first: messages and bytes of
JSON in a second, how long ago it was read at the edge when it came here (P50
and P99 of the newest 1,024 of the interval: as right as the clocks of both are),
messages that are missing by their seq since top began, those that a mapper has
told to be lost for good, and the last value with the time since it came.

On a terminal it is drawn anew each second until Ctrl-C; elsewhere, table
follows upon table. FILTER is one of topics, as of subscribe, and # unless given.
1,000 topics and nodes are told apart; what is beyond is summed as others.

With --lan, top reads a mapper itself, as tap does; cloudsvc has no part in it.`,
		Example: `  datastub top
  datastub top 'sensor/#' --interval 5s
  datastub top --count 1 -o json | jq '.flows[0]'
  datastub top --lan tcp://127.0.0.1:5556`,
		Args:              atMostOneTopic,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.output, t.count = *output, *count
			if err := t.validate(); err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"#"}
			}
			filter, err := dataplane.ParseFilter(args[0])
			if err != nil {
				return usageError{err}
			}
			a.hintStar(filter.String())
			if t.output == formatTable {
				t.screen = screenOf(a.out)
			}
			say := a.say
			if t.screen != nil {
				say = t.note
			}
			if cmd.Flags().Changed("lan") {
				return t.tap(cmd.Context(), address, filter, say)
			}
			return t.subscribe(cmd.Context(), a, filter, say)
		},
	}
	output = addFormat(cmd)
	count = addCount(cmd, "tables")
	cmd.Flags().DurationVar(&t.interval, "interval", time.Second, "`time` between two tables")
	cmd.Flags().StringVar(&address, "lan", "", "`address` of a mapper to read instead of cloudsvc, such as "+defaultLAN)
	completeFlag(cmd, "interval")
	completeFlag(cmd, "lan")
	return cmd
}

func (t *top) validate() error {
	if t.interval < minInterval {
		return usageError{fmt.Errorf("--interval %v: want %v or more", t.interval, minInterval)}
	}
	return checkCount(t.count)
}

// subscribe shows what cloudsvc delivers.
func (t *top) subscribe(ctx context.Context, a *app, filter dataplane.Filter, say func(string, ...any)) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return t.run(ctx, subscription(c, filter.String(), client.Start{}, say))
}

// tap shows what a mapper publishes on its network.
func (t *top) tap(ctx context.Context, address string, filter dataplane.Filter, say func(string, ...any)) error {
	if err := checkEndpoint(address); err != nil {
		return err
	}
	l := &lan{endpoint: address, origin: "named by --lan", say: say}
	l.match = func(m *dataplane.Message) bool { return filter.Match(m.Topic) }
	return t.run(ctx, l.feed)
}

// note keeps what is said for the next drawing: a screen has no place beside it.
func (t *top) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notice = printable(fmt.Sprintf(format, args...))
}

// run shows the feed's rates, interval by interval, until it ends, there were
// enough, or Ctrl-C, which is no error.
func (t *top) run(ctx context.Context, f feed) error {
	t.flows = newFlows(time.Now())
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return f(working, t.take) })
	g.Go(func() error { return t.show(working) })
	err := g.Wait()
	if errors.Is(err, errEnough) || ctx.Err() != nil {
		return nil
	}
	return err
}

func (t *top) take(e client.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flows.add(&e, time.Now())
	return nil
}

// show shows each interval's rates at its end. A screen is entered with the
// first, so that an error that comes at once stands where the user is.
func (t *top) show(ctx context.Context) error {
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	for shown := 0; ; {
		select {
		case <-ctx.Done():
			return nil // the feed says why
		case <-tick.C:
		}
		if shown == 0 && t.screen != nil {
			defer t.screen.leave()
			if err := t.screen.enter(); err != nil {
				return err
			}
		}
		if err := t.print(); err != nil {
			return err
		}
		if shown++; shown == t.count {
			return errEnough
		}
	}
}

// print ends an interval and shows it.
func (t *top) print() error {
	t.mu.Lock()
	r, notice := t.flows.next(time.Now()), t.notice
	t.mu.Unlock()
	if t.screen == nil {
		return t.output.print(t.out, r, func(w io.Writer) {
			fmt.Fprintln(w, r.headline())
			r.rows(w, len(r.Flows))
			fmt.Fprintln(w)
		})
	}
	const around = 5 // lines that are no flows
	_, height := t.screen.size()
	var text bytes.Buffer
	if err := t.output.print(&text, r, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n%s\n", r.headline(), notice)
		r.rows(w, max(height-around, 1))
	}); err != nil {
		return err
	}
	return t.screen.draw(text.Bytes())
}
