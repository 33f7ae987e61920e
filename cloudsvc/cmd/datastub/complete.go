package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// completeTimeout is how long a key press may wait for cloudsvc.
const completeTimeout = 500 * time.Millisecond

// completeTopic offers the topics that cloudsvc knows for the first argument.
// Where it cannot be asked there are none: a shell is no place for errors.
func (a *app) completeTopic(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	nodes, _ := c.Nodes(ctx, "") // without an answer, none
	topics := make(map[string]struct{})
	for _, n := range nodes {
		for _, topic := range n.Topics {
			if strings.HasPrefix(topic, begun) && !strings.ContainsFunc(topic, special) {
				topics[topic] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(topics)), cobra.ShellCompDirectiveNoFileComp
}

// special tells whether a rune may mean something to a shell. Topics are the
// publishers' to choose, and those with such a rune are not offered: one called
// $(reboot) is not to stand on somebody's command line.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-:@%,", r)
}

// completeFlag offers the values of a flag that the command has.
func completeFlag(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
