package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

func newSubscriptionsCreate(a *app) *cobra.Command {
	var output *format
	var hook client.NewWebhook
	var batch, window string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Have messages sent to a URL",
		Long: `create makes a durable subscription: each message whose topic matches is sent to
the callback by POST, at least once, also when it was down meanwhile. It prints
the secret that the receiver verifies with (Standard Webhooks), which nothing
else shows, or, with --signature v1a, the public key.

cloudsvc does not call private and loopback addresses, unless its
--webhook-allow has them.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hook.Batch, hook.Window = json.RawMessage(batch), json.RawMessage(window)
			if err := checkWebhook(&hook); err != nil {
				return usageError{err}
			}
			a.hintStar(hook.Topic)
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				key, err := c.CreateWebhook(ctx, hook)
				if err != nil {
					return err
				}
				return output.print(a.out, key, func(w io.Writer) { printKey(w, &key) })
			})
		},
	}
	output = addFormat(cmd)
	flags := cmd.Flags()
	flags.StringVar(&hook.Topic, "topic", "", "this `topic`, or those that a filter matches")
	flags.StringVar(&hook.Callback, "callback", "", "send to this http:// or https:// `URL`")
	flags.IntVar(&hook.MaxInFlight, "max-in-flight", 0, "so many requests at a time; 0 is 1")
	flags.Float64Var(&hook.MaxRate, "max-rate", 0, "so many requests a second; 0 is no limit")
	flags.StringVar(&batch, "batch", "", "`JSON`, how BT is merged, such as '{\"maxCount\":100,\"maxWait\":\"10s\"}'")
	flags.StringVar(&window, "window", "", "`JSON`, how BT is reduced, such as '{\"size\":\"1m\",\"functions\":[\"avg\"]}'")
	flags.StringVar(&hook.Handshake, "handshake", "", "`none`, or cloudevents, which has the receiver asked by OPTIONS before anything is stored")
	flags.StringVar(&hook.Signature, "signature", "", "`v1`, by a secret that receivers have, too, or v1a, by a key of which they have the public half")
	flags.StringVar(&hook.Since, "since", "", "begin with what was stored `TIME` ago, such as 1h30m, or since 2026-08-01T12:00:00Z")
	flags.StringVar(&hook.After, "after", "", "begin behind a `POSITION`, or with all: "+client.Earliest)
	for _, flag := range []string{"callback", "max-in-flight", "max-rate", "batch", "window", "since", "after"} {
		completeFlag(cmd, flag)
	}
	completeFlag(cmd, "handshake", "none", "cloudevents")
	completeFlag(cmd, "signature", "v1", "v1a")
	_ = cmd.RegisterFlagCompletionFunc("topic", func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeTopic(cmd, nil, begun)
	}) // the flag is there
	return cmd
}

// checkWebhook finds what is wrong without asking cloudsvc.
func checkWebhook(hook *client.NewWebhook) error {
	switch {
	case hook.Topic == "":
		return errors.New("--topic is missing: want a topic, or a filter such as 'sensor/#'")
	case hook.Callback == "":
		return errors.New("--callback is missing: want a URL such as https://app.example.com/hooks/datastub")
	case hook.Since != "" && hook.After != "":
		return errors.New("--since and --after: want one of them")
	case len(hook.Batch) > 0 && !json.Valid(hook.Batch):
		return fmt.Errorf("--batch %.64s: want JSON", hook.Batch)
	case len(hook.Window) > 0 && !json.Valid(hook.Window):
		return fmt.Errorf("--window %.64s: want JSON", hook.Window)
	}
	_, err := dataplane.ParseFilter(hook.Topic)
	return err
}

// noArguments refuses what is no flag.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q: want flags only", args[0])
	}
	return nil
}
