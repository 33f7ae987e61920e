// Mapper reads the devices of an edge node and publishes their values into the
// data plane.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"datastub/dataplane/build"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
	"datastub/driver/coap"
	"datastub/driver/modbus"
	"datastub/driver/virtual"
	"datastub/mapper"
	"datastub/mapper/dmi"
	"datastub/mapper/push"
)

// gcPercent is how much of what is alive the garbage may be: less than Go's 100,
// for at the edge memory is scarcer than processors. GOGC says otherwise.
const gcPercent = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := command().ExecuteContext(ctx)
	klog.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mapper:", err)
		os.Exit(1)
	}
}

// drivers is the table of all protocols: a new driver is named here.
func drivers() mapper.Drivers {
	mb, vt := modbus.New(modbus.Options{}), virtual.New(virtual.Options{})
	return mapper.Drivers{
		"coap":   coap.New(coap.Options{}),
		"modbus": mb, "modbus-mapper": mb,
		"virtual": vt, "virtualProtocol": vt,
	}
}

func command() *cobra.Command {
	var path string
	var check bool
	c := &cobra.Command{
		Use:   "mapper",
		Short: "Read the devices of an edge node and publish their values into the data plane",
		Long: `Read the devices of an edge node and publish their values into the data plane.

The config is that of any KubeEdge mapper and the keys of the data plane. It
says where the devices come from: from EdgeCore, or from Device and DeviceModel
files in a folder. Changes take effect while the mapper runs.`,
		Version:       build.Read().String(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if check {
				return printCheck(c.OutOrStdout(), path)
			}
			return run(c.Context(), path)
		},
	}
	c.Flags().StringVar(&path, "config-file", "./config.yaml", "the config, a YAML file")
	c.Flags().BoolVar(&check, "check", false, "say what is wrong with the config and the devices, and exit: 1 if anything is")
	c.AddCommand(doctorCommand(), planCommand())
	logs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logs)
	c.Flags().AddGoFlagSet(logs)
	return c
}

// errCheck says that printCheck has printed what is wrong.
var errCheck = errors.New("the check found problems")

func printCheck(out io.Writer, path string) error {
	summary, problems, warnings := mapper.Check(path, drivers())
	for _, w := range warnings {
		_, _ = fmt.Fprintln(out, "warning:", w)
	}
	for _, p := range problems {
		_, _ = fmt.Fprintln(out, p)
	}
	if len(problems) > 0 {
		return errCheck
	}
	if summary.FromEdgeCore {
		_, err := fmt.Fprintln(out, "ok: the devices come from EdgeCore")
		return err
	}
	_, err := fmt.Fprintf(out, "ok: %s, %s\n",
		count(summary.Devices, "device", "devices"), count(summary.Properties, "property", "properties"))
	return err
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func run(ctx context.Context, path string) error {
	config, err := mapper.LoadConfig(path)
	if err != nil {
		return err
	}
	d, intake := config.DataPlane, new(mapper.Intake)
	publisher, err := zmq.NewPublisher(zmq.PublisherOptions{
		Node:    config.Node,
		Mapper:  config.Common.Name,
		Uplink:  d.Uplink.Address,
		LAN:     d.LAN,
		LANText: d.LANFormat == "text",
		Batch:   uplink.BatchPolicy{MaxCount: d.Batch.MaxCount, MaxBytes: int(d.Batch.MaxBytes), MaxAge: d.Batch.MaxAge},
		MaxRate: uint64(d.Uplink.MaxRate), BackfillRate: uint64(d.Uplink.BackfillRate),
		Spool: spool.Storage{
			Dir: d.Spool.Dir, MaxBytes: int64(d.Spool.MaxBytes), MaxAge: d.Spool.MaxAge, Sync: d.Spool.Sync,
		},
		Intake:   intake.Count,
		Software: "datastub mapper",
		Logger:   klog.FromContext(ctx),
	})
	if errors.Is(err, zmq.ErrLANInUse) {
		return fmt.Errorf("dataplane.lan: %s is in use, perhaps by another mapper on this node: set dataplane.lan in config.yaml to another address, or to \"\" for none", d.LAN)
	}
	if err != nil {
		return err
	}
	pusher := push.New(push.Options{Client: config.Node + "/" + config.Common.Name, Logger: klog.FromContext(ctx)})
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(publisher, pusher, build.Read(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	status := new(mapper.Status)
	source, twins, undo, err := newSource(config, status, klog.FromContext(ctx))
	if err != nil {
		publisher.Close()
		return err
	}
	app, err := mapper.NewApp(mapper.AppOptions{
		Config: config, Drivers: drivers(), Source: source, Status: status, Twins: twins, Uplink: publisher,
		Pusher: pusher, Intake: intake, Metrics: metrics, Logger: klog.FromContext(ctx),
	})
	if err != nil {
		undo()
		publisher.Close()
		return err
	}
	klog.FromContext(ctx).Info("Mapper starts", "node", config.Node, "mapper", config.Common.Name,
		"devices", config.Devices.Source, "uplink", d.Uplink.Address, "lan", d.LAN)
	return app.Run(ctx)
}

// newSource returns where the config says that the devices come from, what
// reports their twins, if anything does, and what gives back what both took
// where the source does not run.
func newSource(config mapper.Config, status *mapper.Status, logger klog.Logger) (source mapper.Source, twins mapper.Reporter, undo func(), err error) {
	defaults, vet := config.DataPlane.Defaults, drivers().Vet
	if config.Devices.Source == mapper.FromFolder {
		folder, err := mapper.NewFolder(mapper.FolderOptions{Dir: config.Devices.Folder, Defaults: defaults, Vet: vet, Seen: status.ConfigSeen})
		return folder, nil, func() {}, err
	}
	if err := config.CheckProtocols(drivers()); err != nil {
		return nil, nil, nil, err
	}
	link, err := dmi.New(dmi.Options{
		Registrations: config.Registrations(),
		Version:       config.Common.Version,
		APIVersion:    config.Common.APIVersion,
		EdgeCore:      config.Common.EdgeCoreSock,
		Defaults:      defaults,
		Vet:           vet,
		Witness:       status,
		Logger:        logger,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	return link, link.Twins(), link.Close, nil
}
