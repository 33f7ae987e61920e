package kubeedge

import (
	"context"
	"fmt"
	"net/http"
)

// etcd is Debian's.
func (c *Cluster) etcd() *Component {
	client, peer := "http://127.0.0.1:"+c.ports.Etcd, "http://127.0.0.1:"+c.ports.EtcdPeer
	return c.component("etcd", "etcd",
		func(ctx context.Context) error { return get(ctx, client+"/health") },
		"--name", "default", "--data-dir", c.path("etcd"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
}

// get asks for a URL, and wants 200.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
