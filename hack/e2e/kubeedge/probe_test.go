package kubeedge

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// callLimit is how long edgecore may take to answer a call.
const callLimit = 10 * time.Second

// A call is one that edgecore has made to a probe.
type call struct {
	Method string // as in the DMI: RegisterDevice
	Name   string // of the device or model
	Device *pb.Device
}

func (c call) String() string { return c.Method + " " + c.Name }

// A probe is a mapper that has no devices: it writes down what edgecore calls,
// and reports what it is told to.
type probe struct {
	pb.UnimplementedDeviceMapperServiceServer
	info   *pb.MapperInfo
	client pb.DeviceManagerServiceClient
	t      *testing.T

	mu    sync.Mutex
	calls []call
}

// newProbe makes a probe that serves a socket of its own until the test ends. It
// is not registered.
func newProbe(t *testing.T, name, protocol string) *probe {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "probe.sock")
	p := &probe{t: t, info: &pb.MapperInfo{
		Name: name, Version: "v1", ApiVersion: "v1beta1", Protocol: protocol, Address: []byte(socket), State: "ok",
	}}
	conn, err := grpc.NewClient("unix://"+cluster.DMI, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p.client = pb.NewDeviceManagerServiceClient(conn)
	t.Cleanup(p.serve())
	return p
}

// serve serves the probe's socket until stop is called.
func (p *probe) serve() (stop func()) {
	p.t.Helper()
	l, err := net.Listen("unix", string(p.info.Address))
	if err != nil {
		p.t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterDeviceMapperServiceServer(server, p)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	return func() {
		server.Stop()
		serving.Wait()
	}
}

// register registers at edgecore, and returns what there is for the probe.
func (p *probe) register() *pb.MapperRegisterResponse {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	response, err := p.client.MapperRegister(ctx, &pb.MapperRegisterRequest{WithData: true, Mapper: p.info})
	if err != nil {
		p.t.Fatalf("register the mapper %s: %v", p.info.Name, err)
	}
	return response
}

// report reports a value, with an empty desired one.
func (p *probe) report(device, property, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	_, err := p.client.ReportDeviceStatus(ctx, &pb.ReportDeviceStatusRequest{
		DeviceName: device, DeviceNamespace: "default",
		ReportedDevice: &pb.DeviceStatus{Twins: []*pb.Twin{{
			PropertyName: property, ObservedDesired: &pb.TwinProperty{}, Reported: &pb.TwinProperty{Value: value},
		}}},
	})
	return err
}

// called returns the calls about a device or model, all for "".
func (p *probe) called(name string) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []call
	for _, c := range p.calls {
		if name == "" || c.Name == name {
			got = append(got, c)
		}
	}
	return got
}

// has tells whether there was a call of a method about a device or model.
func (p *probe) has(method, name string) bool {
	return slices.ContainsFunc(p.called(name), func(c call) bool { return c.Method == method })
}

func (p *probe) add(c call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
}

func (p *probe) RegisterDevice(_ context.Context, in *pb.RegisterDeviceRequest) (*pb.RegisterDeviceResponse, error) {
	p.add(call{"RegisterDevice", in.Device.GetName(), in.Device})
	return &pb.RegisterDeviceResponse{}, nil
}

func (p *probe) UpdateDevice(_ context.Context, in *pb.UpdateDeviceRequest) (*pb.UpdateDeviceResponse, error) {
	p.add(call{"UpdateDevice", in.Device.GetName(), in.Device})
	return &pb.UpdateDeviceResponse{}, nil
}

func (p *probe) RemoveDevice(_ context.Context, in *pb.RemoveDeviceRequest) (*pb.RemoveDeviceResponse, error) {
	p.add(call{"RemoveDevice", in.GetDeviceName(), nil})
	return &pb.RemoveDeviceResponse{}, nil
}

func (p *probe) CreateDeviceModel(_ context.Context, in *pb.CreateDeviceModelRequest) (*pb.CreateDeviceModelResponse, error) {
	p.add(call{"CreateDeviceModel", in.Model.GetName(), nil})
	return &pb.CreateDeviceModelResponse{}, nil
}

func (p *probe) UpdateDeviceModel(_ context.Context, in *pb.UpdateDeviceModelRequest) (*pb.UpdateDeviceModelResponse, error) {
	p.add(call{"UpdateDeviceModel", in.Model.GetName(), nil})
	return &pb.UpdateDeviceModelResponse{}, nil
}

func (p *probe) RemoveDeviceModel(_ context.Context, in *pb.RemoveDeviceModelRequest) (*pb.RemoveDeviceModelResponse, error) {
	p.add(call{"RemoveDeviceModel", in.GetModelName(), nil})
	return &pb.RemoveDeviceModelResponse{}, nil
}

// probed is a device of a protocol with its model, which has one property.
func probed(name, protocol, desired string) string {
	return fmt.Sprintf(`apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: {name: %[1]s-model}
spec:
  protocol: %[2]s
  properties:
    - {name: value, type: STRING, accessMode: ReadWrite}
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: {name: %[1]s}
spec:
  nodeName: edge-1
  deviceModelRef: {name: %[1]s-model}
  protocol: {protocolName: %[2]s, configData: {port: 1502}}
  properties:
    - name: value
      desired: {value: %[3]q}
      reportToCloud: true
      visitors: {protocolName: %[2]s, configData: {offset: 16777217}}
`, name, protocol, desired)
}
