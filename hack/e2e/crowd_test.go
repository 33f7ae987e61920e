package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"datastub/hack/stack"
)

// The crowd: as many devices as the race detector, which has room for 8128
// goroutines, lets a mapper run.
const (
	crowd           = 1000
	crowdFile       = 100 // of them a file
	crowdProperties = 5   // each
)

// TestCrowd runs many devices on one mapper: all have values, no value is
// missing, what is watched does not grow with them but for /status, and a part
// of them goes without the others noticing.
func TestCrowd(t *testing.T) {
	t.Parallel()
	s := stack.New(t)
	sub := s.Subscribe("crowd/#")
	files := map[string]string{"model.yaml": crowdModel()}
	for first := 0; first < crowd; first += crowdFile {
		files[crowdName(first)+".yaml"] = crowdDevices(first)
	}
	m := s.StartMapper("edge-1", files)
	url := m.URL()
	stack.Eventually(t, "all devices are online", func() bool {
		return value(scrape(t, url), `datastub_mapper_devices{state="online"}`) == strconv.Itoa(crowd)
	})
	last := crowdName(crowd - 1)
	stack.Eventually(t, "values of several cycles", func() bool { return len(sub.Messages(last)) >= 3*crowdProperties })
	stack.Eventually(t, "two values of each property", func() bool { return fewest(sub.Messages("")) >= 2 })
	if metrics := scrape(t, url); strings.Contains(metrics, "crowd") {
		t.Errorf("metrics name devices or topics:\n%s", metrics)
	}

	if err := os.Remove(filepath.Join(m.Folder, crowdName(0)+".yaml")); err != nil {
		t.Fatal(err)
	}
	stack.Eventually(t, "a part of the devices is gone", func() bool { return len(devicesOf(t, url)) == crowd-crowdFile })
	before := len(sub.Messages(last))
	stack.Eventually(t, "the others have values still", func() bool { return len(sub.Messages(last)) >= before+2*crowdProperties })
	stack.CheckUnbroken(t, "values", sub.Messages(""))
}

// fewest returns how many values came of the property that has the fewest; 0
// while not all have one.
func fewest(got []stack.Received) int {
	values := map[string]int{}
	for _, m := range got {
		values[m.Address()]++
	}
	if len(values) < crowd*crowdProperties {
		return 0
	}
	least := len(got)
	for _, n := range values {
		least = min(least, n)
	}
	return least
}

func crowdName(i int) string { return fmt.Sprintf("crowd-%04d", i) }

// crowdModel is the model of the crowd.
func crowdModel() string {
	model := `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: crowd}
spec:
  protocol: virtual
  properties:
`
	for i := range crowdProperties {
		model += "    - {name: p" + strconv.Itoa(i) + ", type: DOUBLE, accessMode: ReadOnly}\n"
	}
	return model
}

// crowdDevices are the devices of one file. They are read every 2 s.
func crowdDevices(first int) string {
	var devices strings.Builder
	for i := range crowdFile {
		fmt.Fprintf(&devices, `---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %s}
spec:
  deviceModelRef: {name: crowd}
  protocol: {protocolName: virtual, configData: {noise: 1}}
  properties:
`, crowdName(first+i))
		for p := range crowdProperties {
			fmt.Fprintf(&devices, "    - {name: p%[1]d, collectCycle: 2000, visitors: {configData: {topic: crowd/p%[1]d}}}\n", p)
		}
	}
	return devices.String()
}
