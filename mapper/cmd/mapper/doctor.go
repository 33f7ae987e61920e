package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"datastub/mapper/dmi"
	"datastub/mapper/doctor"
)

// errFails says that the doctor has printed what is wrong.
var errFails = errors.New("the doctor found what keeps values from arriving")

func doctorCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why nothing arrives, one line each with the cure",
		Long: `Find out why nothing arrives: the config, EdgeCore's socket and the mapper's own,
the registration, the devices, the uplink, cloudsvc, the clock and the spool, one
line each: ok, warn or FAIL, and after an arrow what to do.

It changes nothing, and may be run beside the mapper, which it asks at the
config's key http. Exit status 1: something is a FAIL.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := doctor.New(doctor.Options{Config: path, Drivers: drivers(), Probe: dmi.Probe, Now: time.Now})
			if err != nil {
				return err
			}
			failed := false
			for _, finding := range d.Examine(c.Context()) {
				_, _ = fmt.Fprintln(c.OutOrStdout(), finding)
				failed = failed || finding.Verdict == doctor.Fail
			}
			if failed {
				return errFails
			}
			return nil
		},
	}
	c.Flags().StringVar(&path, "config-file", "./config.yaml", "the config, a YAML file")
	return c
}
