package main

import (
	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
	"datastub/dataplane/build"
)

// app is what all commands share.
type app struct {
	terminal
	server server
}

func newRoot(a *app, getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:   "datastub",
		Short: "Publish and subscribe to the data of devices",
		Long: `datastub publishes and subscribes to the data of devices by way of cloudsvc.

Exit status:
  0  done, or ended by Ctrl-C
  1  something failed
  2  the command line is wrong
  3  cloudsvc, or the mapper to be tapped, cannot be reached
  4  cloudsvc refused`,
		Version:       build.Read().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	a.server.addFlag(root, getenv)
	root.AddCommand(newSubscribe(a), newPublish(a), newNodes(a), newGaps(a), newVerify(a), newSubscriptions(a), newDeadLetters(a), newTap(a), newTop(a), newBench(a), newVersion(a))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	markUsage(root)
	return root
}

// connect returns a client of the server.
func (a *app) connect() (*client.Client, error) {
	c, err := client.New(client.Options{Server: a.server.url})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}
