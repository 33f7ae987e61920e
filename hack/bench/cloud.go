package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"datastub/hack/process"
)

// A cloud is a cloudsvc, which may call receivers on this machine.
type cloud struct {
	http     string // its URL
	uplink   string // its ZeroMQ endpoint
	cloudsvc *process.Process
}

// startCloud starts a cloudsvc with a folder of its own, and waits until it is
// ready.
func (p *programs) startCloud(ctx context.Context, folder string) (c cloud, err error) {
	address, err := freeAddress()
	if err != nil {
		return c, err
	}
	uplink, err := freeAddress()
	if err != nil {
		return c, err
	}
	c.http, c.uplink = "http://"+address, "tcp://"+uplink
	c.cloudsvc, err = process.Start(process.Options{
		Command: "bin/cloudsvc", Stderr: p.log,
		Args: []string{"--http", address, "--uplink", c.uplink, "--data", filepath.Join(p.dir, folder), "--webhook-allow", "127.0.0.0/8"},
	})
	if err != nil {
		return c, err
	}
	if err := until(ctx, "cloudsvc is ready", c.cloudsvc, c.ready); err != nil {
		return c, errors.Join(err, c.cloudsvc.Stop(stopTime))
	}
	return c, nil
}

func (c *cloud) ready() bool {
	resp, err := http.Get(c.http + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
