package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runCommand runs the command line and returns what it printed.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

// writeFile writes a file into a new folder and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// configFor writes a config whose devices are in the folder.
func configFor(t *testing.T, folder string) string {
	t.Helper()
	return writeFile(t, t.TempDir(), "config.yaml", "node: n\ndevices: {folder: "+folder+"}\n")
}

func TestCheckResources(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"demo/devices": "ok: 3 devices, 8 properties\n",
		"examples":     "ok: 3 devices, 13 properties\n",
	} {
		got, err := runCommand(t, "--check", "--config-file", configFor(t, filepath.Join("../../../resource", folder)))
		if err != nil || got != want {
			t.Errorf("%s: got %v and %q, want %q", folder, err, got, want)
		}
	}
}

func TestCheckPrintsEachProblem(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := writeFile(t, folder, "pump.yaml", `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: pump}
spec:
  protocol: modbus
  properties:
  - {name: speed, type: INT, accessMode: ReadOnly}
  - {name: power, type: WATT, accessMode: ReadOnly}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: pump-1}
spec:
  deviceModelRef: {name: pump}
  protocol: {protocolName: modbus, configData: {ip: 127.0.0.1, hue: red}}
  properties:
  - name: speed
    visitors: {configData: {register: HoldingRegister, offset: 70000}}
  - name: power
    visitors: {configData: {register: HoldingRegister, offset: 1}}
`)
	got, err := runCommand(t, "--check", "--config-file", configFor(t, folder))
	if err == nil {
		t.Error("the check succeeded")
	}
	for _, want := range []string{
		"warning: " + path + ": Device default/pump-1: spec.protocol.configData.hue: the key means nothing to the driver\n",
		path + `: Device default/pump-1: DeviceModel pump: spec.properties[1].type: Unsupported value: "WATT": supported values: "INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"` + "\n",
		path + `: Device default/pump-1: spec.properties[speed].visitors.configData.offset: Invalid value: "70000": want a whole number from 0 to 65535` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
}

func TestCheckRefusesConfig(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "config.yaml", "nodes: edge-1\n")
	got, err := runCommand(t, "--check", "--config-file", path)
	if err == nil || !strings.HasPrefix(got, path+`: nodes: Invalid value: "edge-1": unknown key: want one of common, `) {
		t.Errorf("got %v and %q", err, got)
	}
}

func TestRunRefusesMissingConfig(t *testing.T) {
	t.Parallel()
	_, err := runCommand(t, "--config-file", filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}
