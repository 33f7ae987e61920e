package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"datastub/cloudsvc/client"
)

// serverEnv names the server where --server does not.
const serverEnv = "DATASTUB_SERVER"

// A server is where cloudsvc is, and who says so.
type server struct {
	url     string // as given
	flag    *pflag.Flag
	fromEnv bool
}

// addFlag gives a command and those below it the flag --server.
func (s *server) addFlag(cmd *cobra.Command, getenv func(string) string) {
	url := getenv(serverEnv)
	s.fromEnv = url != ""
	if !s.fromEnv {
		url = client.DefaultServer
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&s.url, "server", url, "`URL` of cloudsvc ("+serverEnv+")")
	s.flag = flags.Lookup("server")
	_ = cmd.RegisterFlagCompletionFunc("server", cobra.NoFileCompletions) // the flag is there
}

// origin tells who named the server.
func (s *server) origin() string {
	switch {
	case s.flag.Changed:
		return "named by --server"
	case s.fromEnv:
		return "named by " + serverEnv
	}
	return "the default"
}
