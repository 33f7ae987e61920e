// Oven is a mapper as KubeEdge's generator lays it out, reduced to the push of
// values: the framework parses devices as EdgeCore hands them over, a driver
// makes values up, and the lines of package datapanel's documentation publish
// them. SIGHUP updates every device, as EdgeCore's UpdateDevice would.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/kubeedge/mapper-framework/pkg/config"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"datastub/mapper/datapanel"
)

func main() {
	address := pflag.String("address", "zmq://dataplane", "of the push method of every property")
	if _, err := config.Parse(); err != nil {
		klog.Fatal(err)
	}
	model := ovenModel()
	devices := newDevices(model)
	for _, name := range []string{"oven-1", "oven-2"} {
		if err := devices.Update(ovenDevice(name, model.Name, *address)); err != nil {
			klog.Fatal(err)
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	for s := range signals {
		if s != syscall.SIGHUP {
			break
		}
		devices.Restart()
	}
	devices.Stop()
	if err := datapanel.Close(); err != nil {
		klog.Error(err)
		os.Exit(1)
	}
	klog.Flush()
}
