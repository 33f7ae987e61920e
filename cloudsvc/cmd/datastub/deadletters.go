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

// defaultLetters is how many dead letters are listed unless --limit says so.
const defaultLetters = 100

func newDeadLetters(a *app) *cobra.Command {
	var output *format
	q := client.DeadLetterQuery{}
	cmd := &cobra.Command{
		Use:   "deadletters",
		Short: "List, redrive and drop what receivers did not take",
		Long: `deadletters lists the messages that the receivers of durable subscriptions did not
take, the oldest first: those that they refused, and those that cloudsvc had
tried for more than a day (exhausted). -o json has the messages, too. They are
kept as long as deadLetters of cloudsvc's configuration says, by default for 30
days.`,
		Example: `  datastub deadletters
  datastub deadletters --reason refused --limit 10 -o json`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Limit < 0 {
				return usageError{fmt.Errorf("--limit %d: want 0, for %d, or more", q.Limit, defaultLetters)}
			}
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error { return a.listLetters(ctx, c, q, *output) })
		},
	}
	output = addFormat(cmd)
	a.addSubscription(cmd, &q.Subscription)
	cmd.Flags().StringVar(&q.Reason, "reason", "", "only those that were `refused` or exhausted")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, fmt.Sprintf("this many at most; 0 is %d", defaultLetters))
	completeFlag(cmd, "reason", "refused", "exhausted")
	completeFlag(cmd, "limit")
	cmd.AddCommand(newDeadLettersRedrive(a), newDeadLettersDrop(a))
	return cmd
}

// addSubscription gives a command the flag --subscription.
func (a *app) addSubscription(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "subscription", "", "those of the subscription with this `ID`")
	_ = cmd.RegisterFlagCompletionFunc("subscription", func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeWebhook(cmd, nil, begun)
	}) // the flag is there
}

// listLetters prints so many dead letters, page by page.
func (a *app) listLetters(ctx context.Context, c *client.Client, q client.DeadLetterQuery, output format) error {
	left := q.Limit
	if left == 0 {
		left = defaultLetters
	}
	all := []client.DeadLetter{}
	for {
		q.Limit = min(left, defaultLetters)
		list, err := c.DeadLetters(ctx, q)
		if err != nil {
			return err
		}
		all = append(all, list.DeadLetters...)
		left -= len(list.DeadLetters)
		if q.Cursor = list.Next; q.Cursor == "" {
			break
		}
		if left == 0 {
			a.say("there are more: see --limit")
			break
		}
	}
	if len(all) == 0 && output == formatTable {
		a.say("there are no dead letters")
		return nil
	}
	return output.print(a.out, all, func(w io.Writer) { printLetters(w, all) })
}

func printLetters(w io.Writer, all []client.DeadLetter) {
	fmt.Fprintln(w, "ID\tSUBSCRIPTION\tMESSAGE\tREASON\tTRIES\tLAST\tDETAIL")
	for i := range all {
		d := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", printable(d.ID), printable(d.Subscription), printable(d.MessageID), printable(d.Reason),
			d.Tries, d.Last.Local().Format(time.DateTime), orDash(d.Detail))
	}
}

func newDeadLettersRedrive(a *app) *cobra.Command {
	var subscription string
	cmd := &cobra.Command{
		Use:   "redrive ID | --subscription ID",
		Short: "Try a dead letter again, or all of a subscription",
		Long: `redrive has cloudsvc make one more try with a dead letter, out of its order, and
tells what came of it: exit status 1 where it was not delivered. With --subscription,
all that the subscription has are tried in order, and redrive does not wait for
that: an event tells how it went.`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeLetter,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLetters(args, subscription); err != nil {
				return err
			}
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				if subscription != "" {
					if err := c.RedriveDeadLetters(ctx, subscription); err != nil {
						return err
					}
					a.say("those of %s are being redriven", printable(subscription))
					return nil
				}
				redriven, err := c.RedriveDeadLetter(ctx, args[0])
				if err == nil && !redriven.Delivered {
					err = errors.New("not delivered")
					if redriven.DeadLetter != nil {
						err = fmt.Errorf("not delivered: %s", printable(redriven.DeadLetter.Detail))
					}
				}
				if err != nil {
					return err
				}
				a.say("%s is delivered", printable(args[0]))
				return nil
			})
		},
	}
	a.addSubscription(cmd, &subscription)
	return cmd
}

func newDeadLettersDrop(a *app) *cobra.Command {
	var subscription string
	cmd := &cobra.Command{
		Use:               "drop ID | --subscription ID",
		Short:             "Drop a dead letter, or all of a subscription",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeLetter,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLetters(args, subscription); err != nil {
				return err
			}
			return a.ask(cmd.Context(), func(ctx context.Context, c *client.Client) error {
				if subscription != "" {
					if err := c.DropDeadLetters(ctx, subscription); err != nil {
						return err
					}
					a.say("those of %s are dropped", printable(subscription))
					return nil
				}
				if err := c.DropDeadLetter(ctx, args[0]); err != nil {
					return err
				}
				a.say("%s is dropped", printable(args[0]))
				return nil
			})
		},
	}
	a.addSubscription(cmd, &subscription)
	return cmd
}

// checkLetters checks that there is one ID, of a dead letter or of a subscription.
func checkLetters(args []string, subscription string) error {
	switch {
	case len(args) > 1:
		return usageError{fmt.Errorf("%d arguments: want one ID", len(args))}
	case (len(args) == 1 && args[0] != "") == (subscription != ""):
		return usageError{errors.New("want the ID of one dead letter, which datastub deadletters lists, or --subscription")}
	}
	return nil
}

// completeLetter offers the ids of the oldest dead letters.
func (a *app) completeLetter(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completeID(cmd, len(args), begun, func(ctx context.Context, c *client.Client) (ids []string) {
		list, _ := c.DeadLetters(ctx, client.DeadLetterQuery{}) // without an answer, none
		for i := range list.DeadLetters {
			ids = append(ids, list.DeadLetters[i].ID)
		}
		return ids
	})
}
