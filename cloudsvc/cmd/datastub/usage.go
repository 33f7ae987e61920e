package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError says that the command line is wrong.
type usageError struct{ error }

// Unwrap returns what is wrong.
func (e usageError) Unwrap() error { return e.error }

// markUsage marks the errors about the arguments of a command and those below
// it as a usageError.
func markUsage(cmd *cobra.Command) {
	if !cmd.Runnable() { // it only has commands
		cmd.Args, cmd.RunE = noCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		markUsage(child)
	}
}

// noCommand refuses the arguments of a command that only has commands.
func noCommand(parent *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, cmd := range parent.Commands() {
		names = append(names, cmd.Name())
	}
	return fmt.Errorf("%q is no command%s", args[0], didYouMean(args[0], "", names))
}

// flagError names the flag that may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return usageError{fmt.Errorf("%w%s", err, didYouMean(unknown.GetSpecifiedName(), "--", names))}
}

// oneTopic checks that there is one TOPIC, and tells what a shell makes of
// filters that are not quoted.
func oneTopic(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("TOPIC is missing; if it was #, quote it: to a shell, # begins a comment")
	case len(args) > 1:
		return fmt.Errorf("%d arguments: want one TOPIC; if it had a * or ?, which a shell replaces by file names: "+
			"the wildcards of topics are + and #", len(args))
	case args[0] == "":
		return errors.New("TOPIC is empty: want a topic, or a filter such as sensor/+/temperature or #")
	}
	return nil
}

// atMostOneTopic checks a TOPIC that may be left out.
func atMostOneTopic(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return oneTopic(cmd, args)
}

// hintStar says that a filter's star is no wildcard, as nothing else would.
func (a *app) hintStar(filter string) {
	if strings.Contains(filter, "*") {
		a.say("note: * is an ordinary character of the topic %s; wildcards are + for one level and # for the rest", printable(filter))
	}
}

// didYouMean returns a question with the one of the names that is nearest to a
// word, or nothing if none is near.
func didYouMean(word, prefix string, names []string) string {
	best, least := "", 3 // edits
	for _, name := range names {
		edits := distance(word, name)
		if len(word) > 1 && strings.HasPrefix(name, word) {
			edits = 1
		}
		if edits < least && edits < len(word) {
			best, least = name, edits
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s%s?)", prefix, best)
}

// distance is Levenshtein's: how many bytes have to be added, dropped or
// replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // to each beginning of b, from what was seen of a
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := before
			if a[i] != b[j] {
				replace++
			}
			before = row[j+1]
			row[j+1] = min(replace, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
