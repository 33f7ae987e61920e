package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"datastub/dataplane"
)

func newTap(a *app) *cobra.Command {
	var output *format
	var count *int
	cmd := &cobra.Command{
		Use:   "tap [ADDRESS] [PREFIX]",
		Short: "Print what a mapper publishes on its network",
		Long: `tap prints messages as subscribe does, but from the mapper itself: the ZeroMQ
PUB socket at the address dataplane.lan of its config, in either lanFormat.
cloudsvc has no part in it.

ADDRESS is ` + defaultLAN + ` unless given. PREFIX selects by
<namespace>/<topic>/<device>: a part of it that ends in "/", the whole, or a
filter with "+" and "#".

It is best effort: what a tap is too slow for, and what was published before, it
does not get. How many messages were missed is told at the end.`,
		Example: `  datastub tap
  datastub tap tcp://127.0.0.1:5556 default/sensor/
  datastub tap '+/sensor/#' --count 10 -o json`,
		Args:              tapArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkCount(*count); err != nil {
				return err
			}
			l, err := newLAN(a, args)
			if err != nil {
				return err
			}
			return a.printFeed(cmd.Context(), l.feed, *output, *count)
		},
	}
	output = addFormat(cmd)
	count = addCount(cmd, "messages")
	return cmd
}

func tapArgs(_ *cobra.Command, args []string) error {
	if len(args) > 2 || len(args) == 2 && !isEndpoint(args[0]) {
		return fmt.Errorf("arguments %q: want an ADDRESS, such as %s, and then a PREFIX", args, defaultLAN)
	}
	return nil
}

func isEndpoint(arg string) bool { return strings.Contains(arg, "://") }

// newLAN reads the arguments of a tap.
func newLAN(a *app, args []string) (*lan, error) {
	l := &lan{endpoint: defaultLAN, origin: "the default", say: a.say, match: func(*dataplane.Message) bool { return true }}
	if len(args) > 0 && isEndpoint(args[0]) {
		l.endpoint, l.origin = args[0], "as given"
		args = args[1:]
	}
	if err := checkEndpoint(l.endpoint); err != nil || len(args) == 0 {
		return l, err
	}
	filter, err := parsePrefix(args[0])
	if err != nil {
		return nil, err
	}
	a.hintStar(args[0])
	l.prefixes = prefixes(filter)
	l.match = func(m *dataplane.Message) bool { return filter.Match(m.Address()) }
	return l, nil
}
