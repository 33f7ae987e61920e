package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// errEnough ends a subscription that has what --count asked for.
var errEnough = errors.New("enough messages")

func newSubscribe(a *app) *cobra.Command {
	var output *format
	var count int
	cmd := &cobra.Command{
		Use:   "subscribe TOPIC",
		Short: "Print messages as they arrive",
		Long: `subscribe prints each message that arrives from now on, one a line, until Ctrl-C.

TOPIC is a topic, or a filter: "+" is any one level, "#" at the end is all the
rest. When the stream breaks it is opened again; that is said on stderr, and
messages in between are missed.`,
		Example: `  datastub subscribe sensor/temperature
  datastub subscribe 'sensor/+/temperature' --count 10
  datastub subscribe '#' -o json | jq .value`,
		Args:              oneTopic,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return usageError{fmt.Errorf("--count %d: want 0, for no end, or more", count)}
			}
			return a.subscribe(cmd, args[0], a.eventPrinter(*output), count)
		},
	}
	output = addFormat(cmd)
	cmd.Flags().IntVar(&count, "count", 0, "end after this many messages; 0 never ends")
	return cmd
}

// eventPrinter returns what prints one event after the other.
func (a *app) eventPrinter(output format) func(client.Event) error {
	text := eventText{zone: time.Local}
	return func(e client.Event) error {
		return output.print(a.out, e, func(w io.Writer) { fmt.Fprintln(w, text.line(&e.Message)) })
	}
}

func (a *app) subscribe(cmd *cobra.Command, filter string, show func(client.Event) error, count int) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	a.hintStar(filter)
	received := 0
	subscription, err := client.NewSubscription(client.SubscriptionOptions{
		Client: c,
		Filter: filter,
		Notify: func(n client.Notice) { a.notify(c, filter, n) },
		Handle: func(e client.Event) error {
			if err := show(e); err != nil {
				return err
			}
			if received++; received == count {
				return errEnough
			}
			return nil
		},
	})
	if err != nil {
		return usageError{err}
	}
	err = subscription.Run(cmd.Context())
	if errors.Is(err, errEnough) || cmd.Context().Err() != nil {
		return nil // being told to stop is how a subscription ends
	}
	return err
}

// notify says on stderr what happens to the connection.
func (a *app) notify(c *client.Client, filter string, n client.Notice) {
	switch {
	case n.Err != nil:
		a.say("%v; trying again in %v", shorten(n.Err), n.Wait.Round(10*time.Millisecond))
	case n.Again:
		a.say("subscribed to %s again; messages in between were missed", filter)
	default:
		a.say("subscribed to %s at %s", filter, redact(c.Server()))
	}
}

// shorten leaves out what the reader of a running stream knows already.
func shorten(err error) string {
	if statusOf(err) == statusUnreachable {
		return "cannot reach cloudsvc: " + reason(err)
	}
	return err.Error()
}
