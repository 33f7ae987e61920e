package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

// gapsTimeout is how long cloudsvc may take to list gaps, which it does from
// memory, but for a word with its log.
const gapsTimeout = 10 * time.Second

func newGaps(a *app) *cobra.Command {
	var output *format
	var since string
	q := client.GapQuery{}
	cmd := &cobra.Command{
		Use:   "gaps [TOPIC]",
		Short: "List messages that are lost for good",
		Long: `gaps lists what mappers accepted and lost before cloudsvc stored it, most often as
their spool was full: the newest first, a line for each topic and device, with
the seq of the first and the last message lost. A mapper that lost power, or was
killed with messages in memory only, does not know what they were, if there were
any: LOST is ? then. subscribe tells of each in its
place among the messages; here are all that are in cloudsvc's log still, or
those of a topic or filter.`,
		Example: `  datastub gaps
  datastub gaps 'sensor/#' --since 24h
  datastub gaps --publisher edge-1/mapper --limit 10 -o json`,
		Args:              atMostOneTopic,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Topic = strings.Join(args, "")
			if err := checkGaps(cmd, &q, since, time.Now()); err != nil {
				return usageError{err}
			}
			a.hintStar(q.Topic)
			return a.listGaps(cmd.Context(), q, *output)
		},
	}
	output = addFormat(cmd)
	cmd.Flags().StringVar(&q.Publisher, "publisher", "", "only this `publisher`'s, such as edge-1/mapper")
	cmd.Flags().StringVar(&since, "since", "", "only those stored since a `time`: 24h for a day ago, or 2026-08-01T12:00:00Z")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, "this many at most; 0 is 100")
	for _, flag := range []string{"publisher", "since", "limit"} {
		completeFlag(cmd, flag)
	}
	return cmd
}

// checkGaps checks the flags, and completes the query.
func checkGaps(cmd *cobra.Command, q *client.GapQuery, since string, now time.Time) (err error) {
	if q.Publisher != "" {
		if err := dataplane.ValidatePublisher(q.Publisher); err != nil {
			return fmt.Errorf("--publisher: %w", err)
		}
	}
	if q.Limit < 0 {
		return fmt.Errorf("--limit %d: want 0, for 100, or more", q.Limit)
	}
	if cmd.Flags().Changed("since") {
		q.Since, err = parseSince(since, now)
	}
	return err
}

// parseSince reads a time, or how long ago it was.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := dataplane.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--since %q: want a time that is past, such as 90s, 24h or 7d, or RFC 3339, such as 2026-08-01T12:00:00Z", text)
	}
	return at, nil
}

// listGaps prints the gaps, and what the list leaves out.
func (a *app) listGaps(ctx context.Context, q client.GapQuery, output format) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, gapsTimeout, fmt.Errorf("no answer within %v", gapsTimeout))
	defer cancel()
	list, err := c.Gaps(ctx, q)
	if err != nil {
		return err
	}
	if !list.Complete {
		a.say("cloudsvc has forgotten the oldest gaps that its log has: they were too many")
	}
	if list.More > 0 {
		a.say("%d more: see --limit", list.More)
	}
	if len(list.Gaps) == 0 && output == formatTable {
		a.say("nothing is known to be lost")
		return nil
	}
	return output.print(a.out, list.Gaps, func(w io.Writer) { printGaps(w, list.Gaps) })
}

func printGaps(w io.Writer, gaps []client.Gap) {
	fmt.Fprintln(w, "TIME\tCLASS\tPUBLISHER\tLOST\tFROM\tTO\tADDRESS\tREASON")
	for i := range gaps {
		g := &gaps[i]
		address := "(any)"
		if g.Topic != "" {
			address = printable(dataplane.Address(g.Namespace, g.Topic, g.Device))
		}
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%d\t%s\t%s\t%s\n", g.Time.Local().Format(time.DateTime), g.Class, printable(g.Publisher),
			orUnknown(g.Count), g.From, orUnknown(g.To), address, orDash(g.Reason))
	}
}

// orUnknown returns a number, which is 0 where nobody knows it.
func orUnknown(n uint64) string {
	if n == 0 {
		return "?"
	}
	return strconv.FormatUint(n, 10)
}
