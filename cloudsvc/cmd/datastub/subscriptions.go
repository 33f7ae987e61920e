package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// answerTimeout is how long cloudsvc may take to answer about subscriptions and
// dead letters, of which it may have to try one.
const answerTimeout = 40 * time.Second

func newSubscriptions(a *app) *cobra.Command {
	cmd := a.listWebhooks("subscriptions", "List and change durable subscriptions, which call back")
	cmd.Args = noCommand
	cmd.Long = `subscriptions lists the durable subscriptions: cloudsvc sends each message that
matches to their callback, and keeps where they are.

LAG is how long ago the oldest message was stored that waits, WAITING how many
requests do. A receiver that takes a message no more leaves a dead letter: see
datastub deadletters.`
	cmd.Example = `  datastub subscriptions
  datastub subscriptions create --topic 'sensor/#' --callback https://app.example.com/hooks/datastub
  datastub subscriptions -o json`
	cmd.AddCommand(
		a.listWebhooks("list", "List the subscriptions, as without a command"), newSubscriptionsCreate(a), newSubscriptionsGet(a),
		a.changeWebhook("pause", "Let a subscription wait where it is", (*client.Client).PauseWebhook),
		a.changeWebhook("resume", "Let a subscription go on, also one that is disabled", (*client.Client).ResumeWebhook),
		newSubscriptionsRotate(a), newSubscriptionsDelete(a),
	)
	return cmd
}

// listWebhooks returns a command that shows all subscriptions.
func (a *app) listWebhooks(name, short string) *cobra.Command {
	var output *format
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				all, err := c.Webhooks(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 && *output == formatTable {
					a.say("there are no subscriptions; see datastub subscriptions create --help")
					return nil
				}
				return output.print(a.out, all, func(w io.Writer) { printWebhooks(w, all) })
			})
		},
	}
	output = addFormat(cmd)
	return cmd
}

// ask calls cloudsvc for answerTimeout at most.
func (a *app) ask(ctx context.Context, call func(context.Context, *client.Client) error) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %v", answerTimeout))
	defer cancel()
	return call(ctx, c)
}

func newSubscriptionsGet(a *app) *cobra.Command {
	return a.changeWebhook("get", "Show how a subscription goes", (*client.Client).Webhook)
}

// changeWebhook returns a command that does something with one subscription and
// shows it.
func (a *app) changeWebhook(name, short string, do func(*client.Client, context.Context, string) (client.Webhook, error)) *cobra.Command {
	var output *format
	cmd := &cobra.Command{
		Use:               name + " ID",
		Short:             short,
		Args:              oneID,
		ValidArgsFunction: a.completeWebhook,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				hook, err := do(c, ctx, args[0])
				if err != nil {
					return err
				}
				return output.print(a.out, hook, func(w io.Writer) { printWebhook(w, &hook) })
			})
		},
	}
	output = addFormat(cmd)
	return cmd
}

func newSubscriptionsRotate(a *app) *cobra.Command {
	var output *format
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give a subscription a new key",
		Long: `rotate gives a subscription a new key, and prints what the receiver verifies
with: a secret, which nothing else shows, or a public key. The key before it
signs, too, for 24 h.`,
		Args:              oneID,
		ValidArgsFunction: a.completeWebhook,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				key, err := c.RotateWebhook(ctx, args[0])
				if err != nil {
					return err
				}
				return output.print(a.out, key, func(w io.Writer) { printKey(w, &key) })
			})
		},
	}
	output = addFormat(cmd)
	return cmd
}

func newSubscriptionsDelete(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "End a subscription",
		Long: `delete ends a subscription. Its dead letters stay, and cannot be redriven: see
datastub deadletters drop --help.`,
		Args:              oneID,
		ValidArgsFunction: a.completeWebhook,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				if err := c.DeleteWebhook(ctx, args[0]); err != nil {
					return err
				}
				a.say("%s is deleted", printable(args[0]))
				return nil
			})
		},
	}
}

// oneID checks that there is one ID.
func oneID(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("ID is missing: datastub subscriptions lists them")
	case len(args) > 1:
		return fmt.Errorf("%d arguments: want one ID", len(args))
	case args[0] == "":
		return errors.New("ID is empty: datastub subscriptions lists them")
	}
	return nil
}

func printWebhooks(w io.Writer, all []client.Webhook) {
	fmt.Fprintln(w, "ID\tSTATE\tTOPIC\tCALLBACK\tLAG\tWAITING\tLAST ERROR")
	for i := range all {
		h := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", printable(h.ID), printable(h.State), printable(h.Topic), printable(h.Callback),
			lagText(h.Status.LagSeconds), h.Status.Waiting, orDash(firstOf(h.Reason, h.Status.Warning, h.Status.LastError)))
	}
}

// printWebhook prints a line for each thing that is to be said.
func printWebhook(w io.Writer, h *client.Webhook) {
	s := &h.Status
	for _, line := range [...]struct{ name, text string }{
		{"id", h.ID}, {"topic", h.Topic}, {"callback", h.Callback}, {"state", h.State}, {"reason", h.Reason}, {"warning", s.Warning},
		{"batch", string(h.Batch)}, {"window", string(h.Window)}, {"rate", rateText(h.Rate)}, {"handshake", h.Handshake}, {"signature", h.Signature}, {"public key", h.PublicKey}, {"created", timeText(h.Created)},
		{"windows", windowsText(s.Window)}, {"lag", lagText(s.LagSeconds)}, {"waiting", strconv.Itoa(s.Waiting)}, {"delivered", strconv.FormatUint(s.Delivered, 10)},
		{"dead letters", strconv.FormatUint(s.Dead, 10)},
		{"last error", s.LastError}, {"at", timeText(s.LastErrorTime)}, {"next try", timeText(s.NextTry)},
	} {
		if line.text != "" {
			fmt.Fprintf(w, "%s\t%s\n", line.name, printable(line.text))
		}
	}
}

// windowsText tells what windows are open, "" where there are none at all.
func windowsText(s *client.WindowStatus) string {
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("open of %d of %d publishers", s.Open, s.Publishers)
	if !s.Oldest.IsZero() {
		text += fmt.Sprintf(", the oldest from %s on, of %s", timeText(s.Oldest), s.OldestPublisher)
	}
	return text + fmt.Sprintf("; messages late: %d, too far ahead: %d", s.Late, s.Untimed)
}

func printKey(w io.Writer, k *client.WebhookKey) {
	name, text := "SECRET", k.Secret
	if text == "" {
		name, text = "PUBLIC KEY", k.PublicKey
	}
	fmt.Fprintf(w, "ID\t%s\n%s\t%s\n", name, printable(k.ID), printable(text))
}

// rateText returns a rate, "" where there is no limit.
func rateText(rate float64) string {
	if rate == 0 {
		return ""
	}
	return strconv.FormatFloat(rate, 'g', 4, 64) + "/s"
}

func lagText(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// timeText returns a time, "" where there is none.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime)
}

// firstOf returns the first text that says something.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// completeWebhook offers the ids of subscriptions for the first argument, or a
// flag.
func (a *app) completeWebhook(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completeID(cmd, len(args), begun, func(ctx context.Context, c *client.Client) (ids []string) {
		all, _ := c.Webhooks(ctx) // without an answer, none
		for i := range all {
			ids = append(ids, all[i].ID)
		}
		return ids
	})
}

// completeID offers ids for the first argument.
func (a *app) completeID(cmd *cobra.Command, args int, begun string, list func(context.Context, *client.Client) []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil || args > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	var ids []cobra.Completion
	for _, id := range list(ctx, c) {
		if strings.HasPrefix(id, begun) && !strings.ContainsFunc(id, special) {
			ids = append(ids, id)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
