package kubeedge

import (
	"context"
	"slices"
	"strings"
	"testing"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"

	"datastub/hack/kubeedge"
)

// restart kills a component, does something while it is away, and starts it again,
// whatever comes of that: others need it.
func restart(t *testing.T, c *kubeedge.Component, meanwhile func()) {
	t.Helper()
	c.Kill()
	defer func() {
		if err := c.Start(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	meanwhile()
}

// names returns the names of devices.
func names(devices []*pb.Device) (names []string) {
	for _, d := range devices {
		names = append(names, d.GetName())
	}
	return names
}

// TestKubeEdgeRestart: edgecore knows its mappers after a restart, by the first
// socket that it heard of under a name.
func TestKubeEdgeRestart(t *testing.T) {
	first, second := newProbe(t, "twice", "restart"), newProbe(t, "twice", "restart")
	first.register()
	second.register()
	apply(t, probed("before", "restart", ""))
	eventually(t, "the device is registered at the second", func() bool { return second.has("RegisterDevice", "before") })
	restart(t, cluster.Edgecore, func() {})
	apply(t, probed("after", "restart", ""))
	eventually(t, "the device is registered somewhere", func() bool {
		return first.has("RegisterDevice", "after") || second.has("RegisterDevice", "after")
	})
	if !first.has("RegisterDevice", "after") {
		t.Error("edgecore called the socket that was registered last, want the first")
	}
}

// TestKubeEdgeOneName: of two protocols under one mapper's name, edgecore knows
// only the first after a restart.
func TestKubeEdgeOneName(t *testing.T) {
	a, b := newProbe(t, "shared", "shared-a"), newProbe(t, "shared", "shared-b")
	a.register()
	b.register()
	restart(t, cluster.Edgecore, func() {})
	apply(t, probed("of-b", "shared-b", ""))
	apply(t, probed("of-a", "shared-a", ""))
	eventually(t, "a device is registered", func() bool { return a.has("RegisterDevice", "of-a") })
	if b.has("RegisterDevice", "of-b") {
		t.Error("edgecore knows the second protocol under the same name, too")
	}
	if got := names(b.register().GetDeviceList()); !slices.Contains(got, "of-b") {
		t.Errorf("devices at the next registration: got %v, want of-b", got)
	}
}

// TestKubeEdgeDeletedMeanwhile: a device that is deleted while its mapper is away
// comes back when it registers, until edgecore restarts.
func TestKubeEdgeDeletedMeanwhile(t *testing.T) {
	p := newProbe(t, "deleted", "deleted")
	p.register()
	text := probed("deleted", "deleted", "")
	apply(t, text)
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "deleted") })
	other := newProbe(t, "other", "other")
	other.register()
	p.info.Address = []byte(string(p.info.Address) + "-away")
	p.register() // now edgecore calls a socket that is not there
	remove(t, text)
	apply(t, probed("next", "other", ""))
	eventually(t, "the next device, behind the deleted one", func() bool { return other.has("RegisterDevice", "next") })
	if got := names(p.register().GetDeviceList()); !slices.Contains(got, "deleted") {
		t.Errorf("devices at the next registration: got %v, want deleted", got)
	}
	restart(t, cluster.Edgecore, func() {})
	if got := names(p.register().GetDeviceList()); len(got) != 0 {
		t.Errorf("devices after a restart of edgecore: got %v, want none", got)
	}
}

// TestKubeEdgeMissed: what changes while edgecore or cloudcore is away comes to
// edgecore's database afterwards. To a mapper it comes mostly not, not even to one
// that registers (now and then cloudcore tells all devices again when it is back),
// and always once edgecore has been restarted.
func TestKubeEdgeMissed(t *testing.T) {
	for name, component := range map[string]*kubeedge.Component{"edgecore": cluster.Edgecore, "cloudcore": cluster.Cloudcore} {
		t.Run(name, func(t *testing.T) {
			device := "missed-" + name
			p := newProbe(t, device, device)
			p.register()
			apply(t, probed(device, device, "before"))
			eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", device) })
			restart(t, component, func() { change(t, probed(device, device, "after")) })
			eventually(t, "edgecore's database has the change", func() bool { return synced(t, device) })
			t.Logf("after the restart of %s: desired %q, calls %v", name, p.desired(), p.called(""))
			restart(t, cluster.Edgecore, func() {})
			if got := p.desired(); got != "after" {
				t.Errorf("after a restart of edgecore: desired %q, want after", got)
			}
		})
	}
}

// synced tells whether edgecore has acknowledged a device as it is now.
func synced(t *testing.T, device string) bool {
	t.Helper()
	uid, version, _ := strings.Cut(kubectl(t, "get", "device", device, "-o", "jsonpath={.metadata.uid} {.metadata.resourceVersion}"), " ")
	return version == kubectl(t, "get", "objectsync", kubeedge.Node+"."+uid, "-o", "jsonpath={.status.objectResourceVersion}")
}

// desired registers a probe of one device, and returns what its property is to be.
func (p *probe) desired() string {
	p.t.Helper()
	devices := p.register().GetDeviceList()
	if len(devices) != 1 {
		p.t.Fatalf("devices at registration: got %v, want one", names(devices))
	}
	return devices[0].GetSpec().GetProperties()[0].GetDesired().GetValue()
}
