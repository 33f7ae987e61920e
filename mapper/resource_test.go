package mapper

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const resources = "../resource"

// Every Device and DeviceModel under resource/ decodes and merges, and every
// folder of them stands alone.
func TestResources(t *testing.T) {
	t.Parallel()
	folders := map[string]catalog{}
	configs := 0
	err := filepath.WalkDir(resources, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "cloudsvc" || d.Name() == "kubernetes") {
			return fs.SkipDir // their own tests read them
		}
		if err != nil || d.IsDir() {
			return err
		}
		if d.Name() == "config.yaml" {
			configs++
			_, err := LoadConfig(path)
			return err
		}
		if !isDeviceFile(d.Name()) {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, problems := Decode(path, data)
		for _, p := range problems {
			t.Error(p)
		}
		folder := filepath.Dir(path)
		if folders[folder] == nil {
			folders[folder] = catalog{}
		}
		folders[folder][path] = objects
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if configs == 0 || len(folders) < 2 {
		t.Fatalf("found %d configs and %d folders of devices under %s", configs, len(folders), resources)
	}
	for folder, c := range folders {
		specs, problems := c.specs(DefaultRules(), vetNothing)
		for _, p := range problems {
			t.Error(p)
		}
		if len(specs) == 0 {
			t.Errorf("no device in %s", folder)
		}
	}
}

// vetNothing is a Vet that finds nothing.
func vetNothing(Spec) (errs, warnings []error) { return nil, nil }

func TestDemoTopics(t *testing.T) {
	t.Parallel()
	c := catalog{}
	for _, name := range []string{"boiler.yaml", "meter.yaml", "fan.yaml"} {
		data, err := os.ReadFile(filepath.Join(resources, "demo/devices", name))
		if err != nil {
			t.Fatal(err)
		}
		c[name], _ = Decode(name, data)
	}
	specs, _ := c.specs(DefaultRules(), vetNothing)
	got := map[string]string{}
	for _, spec := range specs {
		for _, p := range spec.Properties {
			got[spec.Key.Name+" "+p.Rules.Topic] = p.Rules.Class.String()
		}
	}
	want := map[string]string{
		"boiler-1 sensor/temperature": "RT",
		"boiler-1 sensor/pressure":    "RT",
		"boiler-1 actuator/pump":      "RT",
		"boiler-1 meter/energy":       "BT",
		"meter-1 meter/power":         "BT",
		"meter-1 meter/pulses":        "BT",
		"fan-1 fan/setpoint":          "RT",
		"fan-1 fan/speed":             "RT",
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for topic, class := range want {
		if got[topic] != class {
			t.Errorf("%s is %q, want %s", topic, got[topic], class)
		}
	}
}
