// Command cloudsvc is the cloud's half of DataStub: it takes in what mappers
// publish, keeps it, and delivers it over HTTP.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane/build"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := command().ExecuteContext(ctx)
	klog.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloudsvc:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	c := &cobra.Command{
		Use:   "cloudsvc",
		Short: "take in device data, keep it, and deliver it over HTTP",
		Long: `cloudsvc is the cloud's half of DataStub. Mappers dial in over ZeroMQ
(--uplink); what they publish is kept on an embedded NATS JetStream (--data) or
on a NATS cluster (--nats-url), and delivered over HTTP (--http).

It listens on loopback unless told otherwise, and stops on SIGTERM.`,
		Version:       build.Read().String(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := cloudsvc.LoadConfig(c.Flags(), os.LookupEnv)
			if err != nil {
				return err
			}
			return run(c.Context(), config)
		},
	}
	cloudsvc.AddConfigFlags(c.Flags())
	logs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logs)
	c.Flags().AddGoFlagSet(logs)
	return c
}

func run(ctx context.Context, config cloudsvc.Config) error {
	s, err := newService(ctx, config)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Cloudsvc is ready",
		"http", "http://"+s.server.Addr().String(), "uplink", s.router.Endpoint(), "log", s.where)
	err = s.run(ctx)
	klog.FromContext(ctx).Info("Cloudsvc has stopped")
	return err
}
