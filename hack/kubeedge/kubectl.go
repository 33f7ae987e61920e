package kubeedge

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl as the cluster's administrator, with something to read,
// and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.Programs.Path("kubectl"),
		append([]string{"--kubeconfig", c.Kubeconfig, "--cache-dir", c.path("kubectl")}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("kubectl %s: %w\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.Bytes(), nil
}

// define makes KubeEdge's resources known to the API server.
func (c *Cluster) define(ctx context.Context) error {
	if _, err := c.Kubectl(ctx, "", "apply", "--server-side", "-R", "-f", c.Programs.CRDs()); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
	return err
}
