package kubeedge

import (
	"context"
	"net"
)

// cloudcore is ready when edgecore can get its certificate from it.
func (c *Cluster) cloudcore() *Component {
	return c.component("cloudcore", c.Programs.Path("cloudcore"),
		func(ctx context.Context) error { return dial(ctx, "tcp", "127.0.0.1:"+c.ports.HTTPS) },
		"--config", c.path("cloudcore.yaml"))
}

// writeCloudcore writes its configuration.
func (c *Cluster) writeCloudcore(context.Context) error { return c.write("cloudcore.yaml", "") }

// dial wants somebody to listen at an address.
func dial(ctx context.Context, network, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}
