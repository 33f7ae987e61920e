package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beMapper in the environment makes the test's binary the mapper's, so that
// signals and exit status are tested too.
const beMapper = "DATASTUB_TEST_BE_MAPPER"

func TestMain(m *testing.M) {
	if os.Getenv(beMapper) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process returns the mapper as a process that was not started yet.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], args...)
	// The race detector would sleep for a second at the end.
	c.Env = append(os.Environ(), beMapper+"=1", "GORACE=atexit_sleep_ms=0")
	return c
}

func TestCheckExitStatus(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"node: n\ndevices: {folder: .}\n": 0, "node: 'a b'\n": 1} {
		err := process(t, "--check", "--config-file", writeFile(t, t.TempDir(), "config.yaml", text)).Run()
		got := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%q: exit status %d, want %d", text, got, want)
		}
	}
}

// stopLimit is the 5 s in which a mapper must end, of which it plans for 4.8,
// and slack for a machine that is busy with other tests.
const stopLimit = 8 * time.Second

// With nobody at the other end of the uplink, SIGTERM ends the mapper in time,
// and its last line tells what was lost.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("../../../resource/examples")
	if err != nil {
		t.Fatal(err)
	}
	c := process(t, "--config-file", writeFile(t, t.TempDir(), "config.yaml",
		"node: n\nhttp: ''\ndevices: {folder: "+folder+"}\ndataplane: {uplink: ipc://"+filepath.Join(t.TempDir(), "nobody")+"}\n"))
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var last string
	var asked time.Time
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		last = lines.Text()
		if asked.IsZero() && strings.Contains(last, "Device is online") {
			asked = time.Now()
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if took := time.Since(asked); took > stopLimit {
		t.Errorf("it took %v to end", took)
	}
	if !strings.Contains(last, "Mapper has stopped") || !strings.Contains(last, "undelivered=") || strings.Contains(last, "undelivered=0 ") {
		t.Errorf("the last line is %s", last)
	}
}

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
		"examples":     "ok: 5 devices, 20 properties\n",
	} {
		got, err := runCommand(t, "--check", "--config-file", configFor(t, filepath.Join("../../../resource", folder)))
		if err != nil || got != want {
			t.Errorf("%s: got %v and %q, want %q", folder, err, got, want)
		}
	}
}

func TestCheckCountsOne(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, folder, "fan.yaml", `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: fan}
spec: {protocol: virtual, properties: [{name: speed, type: INT, accessMode: ReadOnly}]}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: fan-1}
spec: {deviceModelRef: {name: fan}, properties: [{name: speed, visitors: {protocolName: modbus}}]}
`)
	got, err := runCommand(t, "--check", "--config-file", configFor(t, folder))
	want := "warning: " + filepath.Join(folder, "fan.yaml") +
		`: Device default/fan-1: spec.properties[speed].visitors.protocolName: "modbus" is not the device's protocol: the property is read by "virtual"` +
		"\nok: 1 device, 1 property\n"
	if err != nil || got != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, got, want)
	}
}

func TestCheckNamesMissingFolder(t *testing.T) {
	t.Parallel()
	path := configFor(t, "/nowhere")
	got, err := runCommand(t, "--check", "--config-file", path)
	want := path + `: devices.folder: Invalid value: "/nowhere": no such file or directory: want a folder with Device and DeviceModel files` + "\n"
	if err == nil || got != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, got, want)
	}
}

func TestCheckNamesAFileForASpool(t *testing.T) {
	t.Parallel()
	file := writeFile(t, t.TempDir(), "spool", "")
	path := writeFile(t, t.TempDir(), "config.yaml", "devices: {folder: "+t.TempDir()+"}\ndataplane: {spool: {dir: "+file+"}}\n")
	got, err := runCommand(t, "--check", "--config-file", path)
	want := path + `: dataplane.spool.dir: Invalid value: "` + file + `": there is a file of this name: want a folder of the mapper's own`
	if err == nil || !strings.Contains(got, want) {
		t.Errorf("got %v and\n%s\nwant\n%s", err, got, want)
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
		path + `: Device default/pump-1: DeviceModel pump: spec.properties[power].type: Unsupported value: "WATT": supported values: "INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"` + "\n",
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

func TestLANInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	lan := "tcp://" + taken.Addr().String()
	config := writeFile(t, t.TempDir(), "config.yaml", "node: n\nhttp: \"\"\ndevices: {folder: "+t.TempDir()+"}\ndataplane: {lan: \""+lan+"\"}\n")
	want := "dataplane.lan: " + lan + " is in use, perhaps by another mapper on this node: set dataplane.lan in config.yaml to another address, or to \"\" for none"
	if _, err := runCommand(t, "--config-file", config); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
