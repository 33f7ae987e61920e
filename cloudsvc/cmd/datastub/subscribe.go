package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

func newSubscribe(a *app) *cobra.Command {
	var output *format
	var count *int
	var start client.Start
	cmd := &cobra.Command{
		Use:   "subscribe TOPIC",
		Short: "Print messages as they arrive",
		Long: `subscribe prints each message that arrives from now on, one a line, until Ctrl-C;
with --since or --after, those that were stored before come first.

TOPIC is a topic, or a filter: "+" is any one level, "#" at the end is all the
rest. When the stream breaks it is opened again where it broke off; that is said
on stderr. Messages that a mapper lost for good, or that cloudsvc does not keep
any more, are told by a line in their place; see datastub gaps.

With -o json, messages are printed as cloudsvc sends them, one a line.`,
		Example: `  datastub subscribe sensor/temperature
  datastub subscribe 'sensor/+/temperature' --count 10
  datastub subscribe sensor/temperature --since 1h
  datastub subscribe '#' --count 5 -o json | jq .value`,
		Args:              oneTopic,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkCount(*count); err != nil {
				return err
			}
			if _, err := dataplane.ParseFilter(args[0]); err != nil {
				return usageError{err}
			}
			if start.After != "" && start.Since != "" {
				return usageError{errors.New("--since and --after: want one of them")}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			a.hintStar(args[0])
			return a.printFeed(cmd.Context(), subscription(c, args[0], start, a.say), *output, *count)
		},
	}
	output = addFormat(cmd)
	count = addCount(cmd, "messages")
	cmd.Flags().StringVar(&start.Since, "since", "", "begin with what was stored `TIME` ago, such as 1h30m, or since 2026-08-01T12:00:00Z")
	cmd.Flags().StringVar(&start.After, "after", "", "begin behind a `POSITION` that -o json has shown, or with all: "+client.Earliest)
	completeFlag(cmd, "since")
	completeFlag(cmd, "after")
	return cmd
}

// subscription is the feed of a subscription to cloudsvc. What happens to its
// connection is said.
func subscription(c *client.Client, filter string, start client.Start, say func(format string, args ...any)) feed {
	return func(ctx context.Context, handle func(client.Event) error) error {
		s, err := client.NewSubscription(client.SubscriptionOptions{
			Client: c,
			Filter: filter,
			Start:  start,
			Handle: handle,
			Notify: func(n client.Notice) {
				switch {
				case n.Err != nil:
					say("%s; trying again in %v", shorten(n.Err), n.Wait.Round(10*time.Millisecond))
				case n.Again:
					say("subscribed to %s again, where it broke off", filter)
				default:
					say("subscribed to %s at %s", filter, redact(c.Server()))
				}
			},
		})
		if err != nil {
			return usageError{err}
		}
		return s.Run(ctx)
	}
}

// shorten leaves out what the reader of a running stream knows already.
func shorten(err error) string {
	if statusOf(err) == statusUnreachable {
		return "cannot reach cloudsvc: " + reason(err)
	}
	return err.Error()
}
