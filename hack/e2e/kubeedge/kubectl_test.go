package kubeedge

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// kubectlLimit is how long one kubectl may take on a busy machine, which deletes
// 100 devices in 30 s when it has nothing else to do.
const kubectlLimit = 3 * time.Minute

// kubectl runs kubectl, and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryKubectl("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tryKubectl runs kubectl with something to read.
func tryKubectl(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), kubectlLimit)
	defer cancel()
	out, err := cluster.Kubectl(ctx, stdin, args...)
	return string(out), err
}

// apply applies resources, and deletes their devices when the test ends.
func apply(t *testing.T, text string) {
	t.Helper()
	t.Cleanup(func() { remove(t, text) })
	change(t, text)
}

// change applies resources that are there.
func change(t *testing.T, text string) {
	t.Helper()
	if _, err := tryKubectl(text, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// remove deletes the devices of resources, those that are there. Their models
// stay: where cloudcore learns that a model is gone before it has handled its last
// device's end, it handles nothing for 10 s.
func remove(t *testing.T, text string) {
	t.Helper()
	var devices []string
	for _, document := range strings.Split(text, "\n---\n") {
		if strings.Contains(document, "\nkind: Device\n") {
			devices = append(devices, document)
		}
	}
	if _, err := tryKubectl(strings.Join(devices, "\n---\n"), "delete", "--ignore-not-found", "-f", "-"); err != nil {
		t.Error(err)
	}
}

// A twin is a property of a DeviceStatus.
type twin struct {
	PropertyName              string
	Reported, ObservedDesired struct{ Value string }
}

// A deviceStatus is what tests look at of a DeviceStatus.
type deviceStatus struct {
	Status struct {
		State string
		Twins []twin
	}
}

// readStatus returns a device's DeviceStatus, empty where there is none yet.
func readStatus(t *testing.T, device string) (status deviceStatus) {
	t.Helper()
	out := kubectl(t, "get", "devicestatus", device, "--ignore-not-found", "-o", "json")
	if out == "" {
		return status
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatalf("DeviceStatus %s: %v in %s", device, err, out)
	}
	return status
}

// reported returns the reported value of a device's property, empty where there
// is none.
func reported(t *testing.T, device, property string) string {
	t.Helper()
	twins := readStatus(t, device).Status.Twins
	at := slices.IndexFunc(twins, func(t twin) bool { return t.PropertyName == property })
	if at < 0 {
		return ""
	}
	return twins[at].Reported.Value
}
