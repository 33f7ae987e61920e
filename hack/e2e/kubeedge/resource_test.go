package kubeedge

import (
	"path/filepath"
	"testing"
)

// TestResources applies what README has users apply, with the API server's own
// validation, where a key that it does not know is an error. Of the manifests only
// the namespace stays.
func TestResources(t *testing.T) {
	const resources = "../../../resource"
	kubectl(t, "apply", "--validate=strict", "-f", filepath.Join(resources, "kubernetes/namespace.yaml"))
	kubectl(t, "apply", "--validate=strict", "--dry-run=server", "-k", filepath.Join(resources, "kubernetes"))
	for _, folder := range []string{"examples", "examples/datapanel", "demo/devices"} {
		kubectl(t, "apply", "--validate=strict", "--dry-run=server", "-f", filepath.Join(resources, folder))
	}
}
