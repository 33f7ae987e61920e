package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// A feed hands over messages, one after the other, until the context ends,
// handle returns an error, or it cannot go on, and returns which.
type feed func(ctx context.Context, handle func(client.Event) error) error

// errEnough ends a feed that has given what --count asked for.
var errEnough = errors.New("enough messages")

// addCount gives a command the flag --count.
func addCount(cmd *cobra.Command, of string) *int {
	count := cmd.Flags().Int("count", 0, "end after this many "+of+"; 0 never ends")
	completeFlag(cmd, "count")
	return count
}

func checkCount(count int) error {
	if count < 0 {
		return usageError{fmt.Errorf("--count %d: want 0, for no end, or more", count)}
	}
	return nil
}

// printFeed prints a feed's messages, so many or, for 0, until Ctrl-C, which is
// no error.
func (a *app) printFeed(ctx context.Context, f feed, output format, count int) error {
	text := eventText{zone: time.Local}
	printed := 0
	var gaps, lost, open uint64
	err := f(ctx, func(e client.Event) error {
		if err := output.print(a.out, e, func(w io.Writer) { fmt.Fprintln(w, text.line(&e.Message)) }); err != nil {
			return err
		}
		switch loss, is := e.Loss(); {
		case is && loss.IsUnknown():
			open++
		case is:
			gaps++
			lost += loss.Count
		}
		if printed++; printed == count {
			return errEnough
		}
		return nil
	})
	if gaps > 0 {
		a.say("%d messages were lost for good, in %d gaps", lost, gaps)
	}
	if open > 0 {
		a.say("nobody knows how many messages were lost in %d more", open)
	}
	if errors.Is(err, errEnough) || ctx.Err() != nil {
		return nil
	}
	return err
}
