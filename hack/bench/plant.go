package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"sync/atomic"
	"time"

	"github.com/simonvetter/modbus"
)

// A plant is Modbus devices of a library that is not the mapper's: each address
// of 127.0.0.0/8 is a device with holding registers that count up.
type plant struct{ requests atomic.Uint64 }

var _ modbus.RequestHandler = (*plant)(nil)

// plantIdle is how long a connection may be idle: longer than a benchmark
// takes.
const plantIdle = time.Hour

// runPlant is the role of a plant: it answers at the setup's address, and tells
// how often it did.
func runPlant(ctx context.Context, s setup, in io.Reader, out io.Writer) error {
	p := &plant{}
	server, err := modbus.NewServer(&modbus.ServerConfiguration{
		URL: s.Address, MaxClients: 2 * fleetDevices, Timeout: plantIdle, Logger: log.New(io.Discard, "", 0),
	}, p)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("serve Modbus at %s: %w", s.Address, err)
	}
	defer func() { _ = server.Stop() }() // the process ends
	return p.obey(ctx, orders(in), json.NewEncoder(out))
}

// obey tells of the requests since the last order.
func (p *plant) obey(ctx context.Context, told <-chan order, out *json.Encoder) error {
	if err := out.Encode(answer{Ready: true}); err != nil {
		return err
	}
	for {
		select {
		case _, open := <-told:
			if !open {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
		if err := out.Encode(answer{Served: p.requests.Swap(0)}); err != nil {
			return err
		}
	}
}

// HandleHoldingRegisters implements modbus.RequestHandler.
func (p *plant) HandleHoldingRegisters(r *modbus.HoldingRegistersRequest) ([]uint16, error) {
	n := p.requests.Add(1)
	values := make([]uint16, r.Quantity)
	for i := range values {
		values[i] = uint16(n) + uint16(i)
	}
	return values, nil
}

// HandleInputRegisters implements modbus.RequestHandler: there are none.
func (*plant) HandleInputRegisters(*modbus.InputRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleCoils implements modbus.RequestHandler: there are none.
func (*plant) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleDiscreteInputs implements modbus.RequestHandler: there are none.
func (*plant) HandleDiscreteInputs(*modbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}
