package kubeedge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"datastub/hack/kubeedge/build"
)

// Node is the name of the edge node.
const Node = "edge-1"

// Options describe a Cluster.
type Options struct {
	// Folder is where all is kept that the cluster's programs write. Empty makes a
	// temporary one. Paths of sockets have 107 bytes at most: it must be short.
	Folder string
	// Progress is told what is built and started. It must not be nil.
	Progress io.Writer
}

// A Cluster is a KubeEdge that runs.
type Cluster struct {
	Folder     string
	Kubeconfig string
	DMI        string // the socket at which edgecore takes mappers
	Programs   *build.Programs

	Etcd, APIServer, Cloudcore, Edgecore *Component

	ports ports
}

// Start starts a cluster, and returns when a mapper may register and devices
// may be applied. The programs are built first where that has not been done
// yet. Where it fails nothing runs any more, and the logs stay.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	programs, err := build.Make(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(programs, o.Folder)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, o.Progress); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start KubeEdge in %s: %w", c.Folder, err)
	}
	return c, nil
}

func newCluster(programs *build.Programs, folder string) (*Cluster, error) {
	given, err := freePorts()
	if err != nil {
		return nil, err
	}
	if folder == "" {
		if folder, err = os.MkdirTemp("", "kubeedge-"); err != nil {
			return nil, err
		}
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	c := &Cluster{
		Folder:     folder,
		Kubeconfig: filepath.Join(folder, "kubeconfig"),
		DMI:        filepath.Join(folder, "edge", "dmi.sock"),
		Programs:   programs,
		ports:      given,
	}
	c.Etcd, c.APIServer, c.Cloudcore, c.Edgecore = c.etcd(), c.apiServer(), c.cloudcore(), c.edgecore()
	return c, errors.Join(os.MkdirAll(c.path("cloud"), 0o700), os.MkdirAll(c.path("edge"), 0o700))
}

// path returns the path of a file of the cluster's.
func (c *Cluster) path(name string) string { return filepath.Join(c.Folder, name) }

// component describes a component that logs to a file of its name.
func (c *Cluster) component(name, command string, ready func(context.Context) error, args ...string) *Component {
	return &Component{Name: name, Log: c.path(name + ".log"), command: command, args: args, ready: ready}
}

// start starts each component when what it needs is there.
func (c *Cluster) start(ctx context.Context, progress io.Writer) error {
	for _, step := range []struct {
		component *Component
		before    func(context.Context) error
	}{
		{c.Etcd, c.writeAccess},
		{c.APIServer, c.writeCloudcore},
		{c.Cloudcore, c.define},
		{c.Edgecore, c.join},
	} {
		fmt.Fprintf(progress, "starting %s\n", step.component.Name)
		if err := step.before(ctx); err != nil {
			return fmt.Errorf("before %s: %w", step.component.Name, err)
		}
		if err := step.component.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// components returns all, each behind those that it needs.
func (c *Cluster) components() []*Component {
	return []*Component{c.Etcd, c.APIServer, c.Cloudcore, c.Edgecore}
}

// Stop ends all components, those first that need others. Mappers are to be
// ended before. The folder stays.
func (c *Cluster) Stop() {
	for _, component := range slices.Backward(c.components()) {
		component.Stop()
	}
}

// Wait waits until ctx ends, or a component by itself, and tells which.
func (c *Cluster) Wait(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var waiting sync.WaitGroup
	for _, component := range c.components() {
		waiting.Go(func() {
			select {
			case <-component.running.Done():
				cancel(fmt.Errorf("%s: %w", component.Name, component.ended()))
			case <-ctx.Done():
			}
		})
	}
	waiting.Wait()
	return context.Cause(ctx)
}
