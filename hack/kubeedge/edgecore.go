package kubeedge

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
)

// edgecore is ready when mappers can register at it, and it has found cloudcore:
// of what is applied before, mappers may never hear.
func (c *Cluster) edgecore() *Component {
	return c.component("edgecore", c.Programs.Path("edgecore"),
		func(ctx context.Context) error {
			if err := dial(ctx, "unix", c.DMI); err != nil {
				return err
			}
			return c.Edgecore.said("Websocket connect to cloud access successful")
		},
		"--config", c.path("edgecore.yaml"))
}

// join makes the edge node and writes edgecore's configuration, with the token by
// which it gets its certificate. (edgecore blanks it in the file.)
func (c *Cluster) join(ctx context.Context) error {
	node, err := c.render("node.yaml", "")
	if err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, string(node), "apply", "-f", "-"); err != nil {
		return err
	}
	join, err := c.joinToken(ctx)
	if err != nil {
		return fmt.Errorf("the secret tokensecret of cloudcore's: %w", err)
	}
	return c.write("edgecore.yaml", join)
}

// joinToken waits for the token, which cloudcore makes once it runs.
func (c *Cluster) joinToken(ctx context.Context) (string, error) {
	var encoded []byte
	err := poll(ctx, func(ctx context.Context) (err error) {
		encoded, err = c.Kubectl(ctx, "", "get", "secret", "-n", "kubeedge", "tokensecret", "-o", "jsonpath={.data.tokendata}")
		if err == nil && len(encoded) == 0 {
			err = errors.New("it has no tokendata")
		}
		return err
	})
	if err != nil {
		return "", err
	}
	text, err := base64.StdEncoding.DecodeString(string(encoded))
	return string(text), err
}
