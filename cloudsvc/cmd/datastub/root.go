package main

import (
	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// serverEnv names the server where --server does not.
const serverEnv = "DATASTUB_SERVER"

// app is what all commands share.
type app struct {
	terminal
	server string // as given; see connect
}

func newRoot(term terminal, getenv func(string) string) *cobra.Command {
	a := &app{terminal: term}
	root := &cobra.Command{
		Use:   "datastub",
		Short: "Publish and subscribe to the data of devices",
		Long: `datastub publishes and subscribes to the data of devices by way of cloudsvc.

Exit status:
  0  done, or ended by Ctrl-C
  1  something failed
  2  the command line is wrong
  3  cloudsvc cannot be reached
  4  cloudsvc refused`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(term.in)
	root.SetOut(term.out)
	root.SetErr(term.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	server := getenv(serverEnv)
	if server == "" {
		server = client.DefaultServer
	}
	root.PersistentFlags().StringVar(&a.server, "server", server, "`URL` of cloudsvc ("+serverEnv+")")
	root.AddCommand(newSubscribe(a), newPublish(a), newNodes(a))
	for _, cmd := range append(root.Commands(), root) {
		cmd.Args = asUsage(cmd.Args)
	}
	return root
}

// asUsage marks errors about arguments as such.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// connect returns a client of the server.
func (a *app) connect() (*client.Client, error) {
	c, err := client.New(client.Options{Server: a.server})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}
