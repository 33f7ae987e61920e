package kubeedge

import (
	"strings"
	"testing"

	"datastub/hack/kubeedge"
)

// TestCluster: the API server serves KubeEdge's resources, the node is there, and
// a device that is applied is stored.
func TestCluster(t *testing.T) {
	crds := kubectl(t, "get", "crd", "-o", "name")
	for _, want := range []string{"devices", "devicemodels", "devicestatuses"} {
		if !strings.Contains(crds, "/"+want+".devices.kubeedge.io\n") {
			t.Errorf("resource definitions: got\n%swant %s", crds, want)
		}
	}
	kubectl(t, "get", "node", kubeedge.Node)
	apply(t, probed("stored", "probe-stored", ""))
	if got := kubectl(t, "get", "device", "stored", "-o", "jsonpath={.spec.deviceModelRef.name}"); got != "stored-model" {
		t.Errorf("the stored device's model: got %q, want stored-model", got)
	}
}
