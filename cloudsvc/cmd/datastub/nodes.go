package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// nodesTimeout is how long cloudsvc may take to list the nodes, which it does
// from memory.
const nodesTimeout = 5 * time.Second

var errNoAnswer = fmt.Errorf("no answer within %v", nodesTimeout)

// shownTopics is how many topics of a node the table has.
const shownTopics = 3

func newNodes(a *app) *cobra.Command {
	var output *format
	cmd := &cobra.Command{
		Use:   "nodes [TOPIC]",
		Short: "List the nodes that publish",
		Long: `nodes lists the publishers that cloudsvc knows, or those of a topic or filter.

CLOCK compares a mapper's clock with cloudsvc's. DETAIL says what is wrong: a
producer that is not connected, a mapper whose disk fails.`,
		Example: `  datastub nodes
  datastub nodes 'sensor/#' -o json`,
		Args:              atMostOneTopic,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), nodesTimeout, errNoAnswer)
			defer cancel()
			topic := strings.Join(args, "")
			a.hintStar(topic)
			nodes, err := c.Nodes(ctx, topic)
			if err != nil {
				return err
			}
			if len(nodes) == 0 && *output == formatTable {
				a.say("%s", noNodes(topic))
				return nil
			}
			return output.print(a.out, nodes, func(w io.Writer) { printNodes(w, nodes) })
		},
	}
	output = addFormat(cmd)
	return cmd
}

// noNodes says that a list is empty.
func noNodes(topic string) string {
	if topic == "" {
		return "no node has published or registered yet"
	}
	return "no node publishes to " + printable(topic)
}

// nodeColumns are those of the table. One that need not be there is left out
// where it says nothing of any node.
var nodeColumns = [...]struct {
	name  string
	there bool
	text  func(*client.Node) string
}{
	{"NODE", true, func(n *client.Node) string { return printable(n.ID) }},
	{"STATE", true, func(n *client.Node) string { return n.State }},
	{"KIND", true, func(n *client.Node) string { return n.Kind }},
	{"LAST SEEN", true, func(n *client.Node) string { return n.LastSeen.Local().Format(time.DateTime) }},
	{"CLOCK", false, func(n *client.Node) string { return clockText(n.ClockOffset) }},
	{"SOFTWARE", true, func(n *client.Node) string { return orDash(n.Software) }},
	{"ADDRESS", true, func(n *client.Node) string { return orDash(n.Address) }},
	{"TOPICS", true, func(n *client.Node) string { return topicsText(n.Topics) }},
	{"DETAIL", false, func(n *client.Node) string { return orDash(detailText(n)) }},
}

func printNodes(w io.Writer, nodes []client.Node) {
	lines := make([][]string, 1+len(nodes))
	for _, column := range nodeColumns {
		texts, said := []string{column.name}, column.there
		for i := range nodes {
			text := column.text(&nodes[i])
			texts, said = append(texts, text), said || text != "-"
		}
		for i := range lines {
			if said {
				lines[i] = append(lines[i], texts[i])
			}
		}
	}
	for _, line := range lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
}

// clockText tells how far a node's clock is ahead of cloudsvc's, or behind it.
func clockText(offset *float64) string {
	const longest = 300 * 365 * 24 * 3600 // seconds: what a clock can be off
	switch {
	case offset == nil:
		return "-"
	case *offset > longest || *offset < -longest:
		return "?"
	}
	off := time.Duration(*offset * float64(time.Second)).Round(time.Millisecond)
	switch {
	case off > 0:
		return off.String() + " behind"
	case off < 0:
		return (-off).String() + " ahead"
	}
	return "right"
}

// detailText tells what a node is in want of.
func detailText(n *client.Node) string {
	if n.Spool == nil || n.Spool.Fault == "" {
		return n.Detail
	}
	return fmt.Sprintf("spool: in memory since %s: %s", n.Spool.Since.Local().Format(time.DateTime), n.Spool.Fault)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text)
}

func topicsText(topics []string) string {
	if len(topics) <= shownTopics {
		return orDash(strings.Join(topics, " "))
	}
	return fmt.Sprintf("%s and %d more", printable(strings.Join(topics[:shownTopics], " ")), len(topics)-shownTopics)
}
