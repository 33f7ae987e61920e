package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/mapper"
)

// TestChangesOfAUnitAreItsOwn changes one of 32 units of a gateway fifty times,
// its properties, its settings, and whether it is there: the connection stays
// the one, and the others miss no cycle.
func TestChangesOfAUnitAreItsOwn(t *testing.T) {
	t.Parallel()
	const units, changes, cycle = 32, 50, unitCycle
	synctest.Test(t, func(t *testing.T) {
		var connections atomic.Int64
		own := mapper.Drivers{"modbus": modbus.New(modbus.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			connections.Add(1)
			here, there := net.Pipe()
			go answerSlowly(there, time.Millisecond)
			return here, nil
		}})}
		box := &mailbox{values: map[string]int{}, events: map[string][]string{}}
		status := &mapper.Status{}
		fleet, err := mapper.NewFleet(mapper.FleetOptions{Drivers: own, Publisher: box, Reporter: status})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := fleet.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		start := time.Now()
		for unit := range units {
			fleet.Put(unitSpec(unit, 2, time.Second))
		}
		time.Sleep(cycle / 2)
		random := rand.New(rand.NewPCG(7, 7))
		for range changes {
			time.Sleep(cycle - time.Duration(random.IntN(20))*time.Millisecond)
			if random.IntN(4) == 0 {
				fleet.Remove(unitSpec(0, 1, time.Second).Key)
			} else {
				fleet.Put(unitSpec(0, 1+random.IntN(5), time.Duration(1+random.IntN(2))*time.Second))
			}
		}
		// The gateway is silent for a moment before the next cycle.
		time.Sleep(cycle - time.Since(start)%cycle - time.Millisecond)
		cycles := int(time.Since(start)/cycle) + 1
		for unit := 1; unit < units; unit++ {
			name := unitSpec(unit, 1, time.Second).Key.Name
			if got, want := box.count(name), 2*cycles; got != want {
				t.Errorf("%s: got %d values, want %d", name, got, want)
			}
		}
		if got := connections.Load(); got != 1 {
			t.Errorf("got %d connections, want the one", got)
		}
		if got := fleet.Counts().Skipped; got != 0 {
			t.Errorf("got %d cycles skipped, want none", got)
		}
		cancel()
		running.Wait()
	})
}

// unitCycle is how often a unit is read.
const unitCycle = 100 * time.Millisecond

// unitSpec is a device behind the gateway, with so many properties.
func unitSpec(unit int, properties int, timeout time.Duration) mapper.Spec {
	s := mapper.Spec{
		Key: mapper.Key{Namespace: "plant", Name: fmt.Sprintf("unit-%d", unit)}, Protocol: "modbus",
		Settings: driver.Settings{"ip": "192.0.2.1", "slaveID": unit + 1, "timeout": timeout.String()},
	}
	for n := range properties {
		name := fmt.Sprintf("p%d", n)
		s.Properties = append(s.Properties, mapper.Property{
			Point: driver.PointConfig{
				Name: name, Type: driver.Int, Settings: driver.Settings{"register": "HoldingRegister", "offset": 10 * n},
			},
			CollectCycle: unitCycle,
			Rules:        mapper.Rules{Topic: "t/" + name, Class: dataplane.BT, Publish: true},
		})
	}
	return s
}

// answerSlowly is a gateway whose units take some time, and have zeros. It takes
// the next request meanwhile, as a socket does.
func answerSlowly(conn net.Conn, latency time.Duration) {
	defer conn.Close()
	requests := make(chan []byte, 16)
	go func() {
		defer close(requests)
		for {
			request := make([]byte, 260)
			if _, err := conn.Read(request); err != nil {
				return
			}
			requests <- request
		}
	}()
	for request := range requests {
		time.Sleep(latency)
		if _, err := conn.Write(zeros(request)); err != nil {
			return
		}
	}
}

// zeros answers a request of registers.
func zeros(request []byte) []byte {
	size := 2 * binary.BigEndian.Uint16(request[10:])
	reply := append([]byte{}, request[:8]...)
	binary.BigEndian.PutUint16(reply[4:], 3+size)
	return append(append(reply, byte(size)), make([]byte, size)...)
}
