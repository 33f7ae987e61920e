package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"datastub/mapper"
)

// maxUse is how much of a bus's time the cycles may take: what is left is for
// writes, retries and devices that are slower than usual.
const maxUse = 0.8

func planCommand() *cobra.Command {
	var answer time.Duration
	c := &cobra.Command{
		Use:   "plan FILE|FOLDER...",
		Short: "Tell which requests devices are read by, and what they take of their bus",
		Long: `Tell which requests the devices in files, or in all files of folders, are read by:
for each device and cycle the requests that are made when it is due, and for each
bus how much of its time all of them take. A bus is a serial line, or an address
that several devices are behind; its requests go one at a time.

The time of a request is --round-trip, in which a device answers. On a serial line
the characters of both frames and the silence around them are added, to the
specification. Nothing is asked: a device that refuses some of its addresses, or
answers late, takes more.

A bus that is used to more than 80 % is warned of on stderr. What is wrong with a
device is said as by --check. Exit status 1: something is.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, paths []string) error {
			if answer <= 0 {
				return fmt.Errorf("--round-trip: %v is not more than 0: want the time in which a device answers, such as 10ms", answer)
			}
			plans, problems, warnings := mapper.Plan(paths, drivers(), answer)
			for _, w := range warnings {
				_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
			}
			for _, p := range problems {
				_, _ = fmt.Fprintln(c.ErrOrStderr(), p)
			}
			if err := printPlans(c.OutOrStdout(), plans); err != nil {
				return err
			}
			warnOfBuses(c.ErrOrStderr(), busesOf(plans))
			if len(problems) > 0 {
				return errCheck
			}
			return nil
		},
	}
	c.Flags().DurationVar(&answer, "round-trip", 10*time.Millisecond, "the time in which a device answers")
	return c
}

// A bus is what the devices on it take of it together.
type bus struct {
	name    string
	devices int
	load    mapper.Load
}

// busesOf adds up the devices of each bus; the busiest comes last.
func busesOf(plans []mapper.DevicePlan) []bus {
	places := map[string]int{}
	var buses []bus
	for _, p := range plans {
		k, ok := places[p.Bus]
		if !ok {
			k = len(buses)
			places[p.Bus] = k
			buses = append(buses, bus{name: p.Bus})
		}
		buses[k].devices++
		buses[k].load.Requests += p.Load.Requests
		buses[k].load.Use += p.Load.Use
	}
	slices.SortStableFunc(buses, func(a, b bus) int { return cmp.Compare(a.load.Use, b.load.Use) })
	return buses
}

func printPlans(out io.Writer, plans []mapper.DevicePlan) error {
	if len(plans) == 0 {
		_, err := fmt.Fprintln(out, "no device that is read by requests")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tCYCLE\tREQUEST\tPROPERTIES\tBYTES\tTIME")
	for _, p := range plans {
		for _, read := range p.Reads {
			for _, r := range read.Requests {
				fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%d\t%v\n", p.Key, read.Cycle, r.Text, some(r.Properties), r.Bytes, round(r.Time))
			}
		}
	}
	fmt.Fprintln(w, "\nBUS\tDEVICES\tREQUESTS/S\tUSE")
	for _, b := range busesOf(plans) {
		fmt.Fprintf(w, "%s\t%d\t%.4g\t%s\n", b.name, b.devices, b.load.Requests, percent(b.load.Use))
	}
	return w.Flush()
}

func warnOfBuses(out io.Writer, buses []bus) {
	for _, b := range buses {
		if b.load.Use > maxUse {
			fmt.Fprintf(out, "warning: bus %s is used to %s, above %s: longer collectCycles, a higher baudRate or maxGap, or fewer devices on it would be right\n",
				b.name, percent(b.load.Use), percent(maxUse))
		}
	}
}

// some returns the first of some names, and how many more there are.
func some(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// round drops what an estimate cannot know.
func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func percent(part float64) string { return fmt.Sprintf("%.3g %%", 100*part) }
