package main

import (
	"context"
	"fmt"
	"io"
	"slices"
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
		Long:  `nodes lists the publishers that cloudsvc knows, or those of a topic or filter.`,
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

func printNodes(w io.Writer, nodes []client.Node) {
	detailed := slices.ContainsFunc(nodes, func(n client.Node) bool { return n.Detail != "" })
	fmt.Fprint(w, "NODE\tSTATE\tKIND\tLAST SEEN\tSOFTWARE\tADDRESS\tTOPICS")
	if detailed {
		fmt.Fprint(w, "\tDETAIL")
	}
	fmt.Fprintln(w)
	for _, n := range nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s", printable(n.ID), n.State, n.Kind,
			n.LastSeen.Local().Format(time.DateTime), orDash(n.Software), orDash(n.Address), topicsText(n.Topics))
		if detailed {
			fmt.Fprint(w, "\t", orDash(n.Detail))
		}
		fmt.Fprintln(w)
	}
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
