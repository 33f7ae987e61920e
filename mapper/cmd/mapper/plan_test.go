package main

import (
	"bytes"
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver/modbus"
	"datastub/mapper"
)

// runPlan runs mapper plan and returns what it printed.
func runPlan(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SetArgs(append([]string{"plan"}, args...))
	err = c.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// plant is a model and a device with cycles that share registers, and one that
// has no requests.
const plant = `
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: meter}
spec:
  protocol: modbus
  properties:
  - {name: a, type: INT, accessMode: ReadOnly}
  - {name: b, type: INT, accessMode: ReadOnly}
  - {name: c, type: INT, accessMode: ReadOnly}
  - {name: d, type: INT, accessMode: ReadOnly}
  - {name: e, type: INT, accessMode: ReadOnly}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: meter-1}
spec:
  deviceModelRef: {name: meter}
  protocol: {protocolName: modbus, configData: {ip: 10.0.0.1}}
  properties:
  - {name: a, collectCycle: 1000, visitors: {configData: {register: HoldingRegister, offset: 0}}}
  - {name: b, collectCycle: 1000, visitors: {configData: {register: HoldingRegister, offset: 9}}}
  - {name: c, collectCycle: 5000, visitors: {configData: {register: HoldingRegister, offset: 4}}}
  - {name: d, collectCycle: 10000, visitors: {configData: {register: HoldingRegister, offset: 12}}}
  - {name: e, collectCycle: 5000, visitors: {configData: {register: HoldingRegister, offset: 100}}}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: fan}
spec: {protocol: virtual, properties: [{name: speed, type: INT, accessMode: ReadOnly}]}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: fan-1}
spec: {deviceModelRef: {name: fan}, properties: [{name: speed}]}
`

func TestPlan(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "plant.yaml", plant)
	got, said, err := runPlan(t, "--round-trip", "20ms", path)
	want := `DEVICE           CYCLE  REQUEST                 PROPERTIES  BYTES  TIME
default/meter-1  1s     holding registers 0-9   a, b        41     20ms
default/meter-1  5s     holding registers 0-9   a, c, b     41     20ms
default/meter-1  5s     holding register 100    e           23     20ms
default/meter-1  10s    holding registers 0-12  a, c, b, d  47     20ms
default/meter-1  10s    holding register 100    e           23     20ms

BUS           DEVICES  REQUESTS/S  USE
10.0.0.1:502  1        1.2         2.4 %
`
	if err != nil || got != want || said != "" {
		t.Errorf("got %v, %q and\n%s\nwant\n%s", err, said, got, want)
	}
}

func TestPlanWarnsOfABusyBus(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "plant.yaml", plant)
	_, said, err := runPlan(t, "--round-trip", "700ms", path)
	if want := "warning: bus 10.0.0.1:502 is used to 84 %, above 80 %: "; err != nil || !strings.HasPrefix(said, want) {
		t.Errorf("got %v and %q, want %q", err, said, want)
	}
}

func TestPlanSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := writeFile(t, folder, "plant.yaml", strings.Replace(plant, "offset: 9", "offset: 70000", 1))
	got, said, err := runPlan(t, folder)
	want := path + `: Device default/meter-1: spec.properties[b].visitors.configData.offset: Invalid value: "70000": want a whole number from 0 to 65535` + "\n"
	if err == nil || said != want || !strings.Contains(got, "holding register 0 ") {
		t.Errorf("got %v, %q and\n%s\nwant %q and what the others take", err, said, got, want)
	}
	missing := filepath.Join(folder, "none.yaml")
	if _, said, err := runPlan(t, missing); err == nil || said != missing+": no such file or directory\n" {
		t.Errorf("a missing file: got %v and %q", err, said)
	}
	if _, _, err := runPlan(t, "--round-trip", "0", path); err == nil || !strings.Contains(err.Error(), "--round-trip: 0s") {
		t.Errorf("no round trip: got %v", err)
	}
}

func TestPlanOfNothing(t *testing.T) {
	t.Parallel()
	got, said, err := runPlan(t, writeFile(t, t.TempDir(), "fan.yaml", plant[strings.LastIndex(plant, "---\napiVersion: devices.kubeedge.io/v1beta1\nkind: DeviceModel"):]))
	if want := "no device that is read by requests\n"; err != nil || got != want || said != "" {
		t.Errorf("got %v, %q and %q, want %q", err, said, got, want)
	}
}

// TestPlanIsKept runs the device of the plan for ten minutes: it makes the
// requests that the plan tells, and no others.
func TestPlanIsKept(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "plant.yaml", plant)
	plans, problems, _ := mapper.Plan([]string{path}, drivers(), 10*time.Millisecond)
	if len(plans) != 1 || len(problems) > 0 {
		t.Fatalf("got %d plans, and %v", len(plans), problems)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	objects, _ := mapper.Decode(path, data)
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		own := mapper.Drivers{"modbus": modbus.New(modbus.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go answerZeros(there, &requests)
			return here, nil
		}})}
		spec, errs, _ := mapper.Assemble(&objects.Devices[0], &objects.Models[0], mapper.DefaultRules(), own.Vet)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		box := &mailbox{values: map[string]int{}, events: map[string][]string{}}
		fleet, err := mapper.NewFleet(mapper.FleetOptions{Drivers: own, Publisher: box, Reporter: &mapper.Status{}})
		if err != nil {
			t.Fatal(err)
		}
		const minutes = 10
		ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute-time.Millisecond) // one moment is at 0
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() { _ = fleet.Run(ctx) })
		fleet.Put(spec)
		running.Wait()
		if got, want := float64(requests.Load()), minutes*60*plans[0].Load.Requests; math.Abs(got-want) > 0.5 {
			t.Errorf("%v requests in %d minutes, want %v", got, minutes, want)
		}
		if got, want := box.count("meter-1"), minutes*(60+60+12+6+12); got != want {
			t.Errorf("%d values in %d minutes, want %d", got, minutes, want)
		}
	})
}

// answerZeros is a device whose registers are all 0.
func answerZeros(conn net.Conn, requests *atomic.Int64) {
	defer conn.Close()
	request := make([]byte, 260)
	for {
		if _, err := conn.Read(request); err != nil {
			return
		}
		requests.Add(1)
		if _, err := conn.Write(zeros(request)); err != nil {
			return
		}
	}
}
