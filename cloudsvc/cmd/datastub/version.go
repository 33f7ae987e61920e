package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"datastub/dataplane/build"
)

// versionTimeout is how long cloudsvc may take to say which build it is.
const versionTimeout = 2 * time.Second

// versions are the builds of both ends.
type versions struct {
	Client build.Stamp  `json:"client"`
	Server *build.Stamp `json:"server,omitempty"` // nil where cloudsvc did not say
}

func newVersion(a *app) *cobra.Command {
	var output *format
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Tell the builds of datastub and of cloudsvc",
		Long: `version tells which build datastub is, and cloudsvc if it answers; where it does
not, that is said on stderr and is no failure.`,
		Example: `  datastub version
  datastub version -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Client: build.Read()}
			server, err := a.serverBuild(cmd)
			switch {
			case statusOf(err) == statusUsage:
				return err
			case err != nil:
				a.say("%s", a.explain(cmd, err))
			default:
				v.Server = &server
			}
			return output.print(a.out, v, v.rows)
		},
	}
	output = addFormat(cmd)
	return cmd
}

func (a *app) serverBuild(cmd *cobra.Command) (build.Stamp, error) {
	c, err := a.connect()
	if err != nil {
		return build.Stamp{}, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), versionTimeout)
	defer cancel()
	return c.Build(ctx)
}

func (v *versions) rows(w io.Writer) {
	fmt.Fprintln(w, "PROGRAM\tVERSION\tREVISION\tGO\tPLATFORM")
	row := func(program string, s *build.Stamp) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", program, printable(s.Version), orDash(fmt.Sprintf("%.12s", s.Revision)), orDash(s.Go), orDash(s.Platform))
	}
	row("datastub", &v.Client)
	if v.Server != nil {
		row("cloudsvc", v.Server)
	}
}
