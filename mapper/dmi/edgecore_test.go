package dmi

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"datastub/mapper"
)

// An edgeCore is EdgeCore as far as mappers see it: its service at a real
// socket, with its limiter, its cache, and its way of calling mappers.
type edgeCore struct {
	pb.UnimplementedDeviceManagerServiceServer
	t       *testing.T
	path    string
	limiter *rate.Limiter
	server  *grpc.Server
	served  chan error

	mu      sync.Mutex
	answers func() // called before each answer; nil: nothing
	mappers map[string]*pb.MapperInfo
	count   int               // of registrations
	twins   map[string]string // by namespace/device/property, the newest
	states  map[string]string // by namespace/device
	devices map[mapper.Key]*pb.Device
	models  map[mapper.Key]*pb.DeviceModel
}

func newEdgeCore(t *testing.T) *edgeCore {
	t.Helper()
	e := &edgeCore{
		t: t, path: filepath.Join(socketDir(t), "dmi.sock"), limiter: rate.NewLimiter(1, 100),
		mappers: map[string]*pb.MapperInfo{}, devices: map[mapper.Key]*pb.Device{}, models: map[mapper.Key]*pb.DeviceModel{},
		twins: map[string]string{}, states: map[string]string{},
	}
	t.Cleanup(e.stop)
	return e
}

// socketDir returns a folder whose path leaves room for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "datastub-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// start begins to serve, as EdgeCore does: with no mappers, all devices, and
// its socket made anew.
func (e *edgeCore) start() {
	e.t.Helper()
	_ = os.Remove(e.path)
	listener, err := net.Listen("unix", e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	e.mu.Lock()
	clear(e.mappers)
	clear(e.twins)
	clear(e.states)
	e.mu.Unlock()
	e.server, e.served = grpc.NewServer(), make(chan error, 1)
	pb.RegisterDeviceManagerServiceServer(e.server, e)
	go func() { e.served <- e.server.Serve(listener) }()
}

// stop ends it as a kill would.
func (e *edgeCore) stop() {
	if e.server == nil {
		return
	}
	e.server.Stop()
	<-e.served
	e.server = nil
}

// MapperRegister answers as EdgeCore's: with devices whose model it has.
func (e *edgeCore) MapperRegister(_ context.Context, request *pb.MapperRegisterRequest) (*pb.MapperRegisterResponse, error) {
	if !e.limiter.Allow() {
		return nil, errors.New("fail to register mapper because of too many request: " + request.GetMapper().GetName())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count++
	answer := &pb.MapperRegisterResponse{}
	for _, d := range e.devices {
		model := e.models[mapper.Key{Namespace: d.GetNamespace(), Name: d.GetSpec().GetDeviceModelReference()}]
		if model != nil && d.GetSpec().GetProtocol().GetProtocolName() == request.GetMapper().GetProtocol() {
			answer.DeviceList = append(answer.DeviceList, proto.CloneOf(d))
			answer.ModelList = append(answer.ModelList, proto.CloneOf(model))
		}
	}
	e.mappers[request.GetMapper().GetProtocol()] = request.GetMapper()
	if e.answers != nil {
		e.answers()
	}
	return answer, nil
}

// ReportDeviceStatus takes twins as EdgeCore does.
func (e *edgeCore) ReportDeviceStatus(_ context.Context, request *pb.ReportDeviceStatusRequest) (*pb.ReportDeviceStatusResponse, error) {
	if !e.limiter.Allow() {
		return nil, errors.New("fail to report device status because of too many request: " + request.GetDeviceName())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, twin := range request.GetReportedDevice().GetTwins() {
		e.twins[request.GetDeviceNamespace()+"/"+request.GetDeviceName()+"/"+twin.PropertyName] = twin.Reported.Value
	}
	return &pb.ReportDeviceStatusResponse{}, nil
}

// ReportDeviceStates takes a state as EdgeCore does.
func (e *edgeCore) ReportDeviceStates(_ context.Context, request *pb.ReportDeviceStatesRequest) (*pb.ReportDeviceStatesResponse, error) {
	if !e.limiter.Allow() {
		return nil, errors.New("fail to report device states because of too many request: " + request.GetDeviceName())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.states[request.GetDeviceNamespace()+"/"+request.GetDeviceName()] = request.GetState()
	return &pb.ReportDeviceStatesResponse{}, nil
}

// has tells whether EdgeCore has a twin's value and its device's state.
func (e *edgeCore) has(device, property, value, state string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.twins[device+"/"+property] == value && e.states[device] == state
}

// registered returns who registered last for a protocol, or nil.
func (e *edgeCore) registered(protocol string) *pb.MapperInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mappers[protocol]
}

// registrations returns how many there were.
func (e *edgeCore) registrations() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// know puts objects into the cache without a call, as one that failed would.
func (e *edgeCore) know(objects ...proto.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, object := range objects {
		switch o := object.(type) {
		case *pb.Device:
			e.devices[keyOf(o)] = o
		case *pb.DeviceModel:
			e.models[keyOf(o)] = o
		}
	}
}

// forget takes objects out of the cache without a call.
func (e *edgeCore) forget(objects ...proto.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, object := range objects {
		switch o := object.(type) {
		case *pb.Device:
			delete(e.devices, keyOf(o))
		case *pb.DeviceModel:
			delete(e.models, keyOf(o))
		}
	}
}

// call calls the mapper of a protocol, dialling anew as EdgeCore does.
func (e *edgeCore) call(protocol string, do func(ctx context.Context, c pb.DeviceMapperServiceClient) error) error {
	e.t.Helper()
	info := e.registered(protocol)
	if info == nil {
		return errors.New("fail to get dmi client of protocol " + protocol)
	}
	conn, err := grpc.NewClient("unix://"+string(info.GetAddress()), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return do(ctx, pb.NewDeviceMapperServiceClient(conn))
}

// register puts a device into the cache and tells the mapper.
func (e *edgeCore) register(d *pb.Device) {
	e.t.Helper()
	e.know(d)
	e.must(e.call(d.GetSpec().GetProtocol().GetProtocolName(), func(ctx context.Context, c pb.DeviceMapperServiceClient) error {
		_, err := c.RegisterDevice(ctx, &pb.RegisterDeviceRequest{Device: d})
		return err
	}))
}

// update is register for a device that is known.
func (e *edgeCore) update(d *pb.Device) {
	e.t.Helper()
	e.know(d)
	e.must(e.call(d.GetSpec().GetProtocol().GetProtocolName(), func(ctx context.Context, c pb.DeviceMapperServiceClient) error {
		_, err := c.UpdateDevice(ctx, &pb.UpdateDeviceRequest{Device: d})
		return err
	}))
}

// remove tells the mapper that a device is gone, and then forgets it.
func (e *edgeCore) remove(d *pb.Device) {
	e.t.Helper()
	e.must(e.call(d.GetSpec().GetProtocol().GetProtocolName(), func(ctx context.Context, c pb.DeviceMapperServiceClient) error {
		_, err := c.RemoveDevice(ctx, &pb.RemoveDeviceRequest{DeviceName: d.GetName(), DeviceNamespace: d.GetNamespace()})
		return err
	}))
	e.forget(d)
}

// updateModel puts a model into the cache and tells the mapper.
func (e *edgeCore) updateModel(protocol string, m *pb.DeviceModel) {
	e.t.Helper()
	e.know(m)
	e.must(e.call(protocol, func(ctx context.Context, c pb.DeviceMapperServiceClient) error {
		_, err := c.UpdateDeviceModel(ctx, &pb.UpdateDeviceModelRequest{Model: m})
		return err
	}))
}

// removeModel tells the mapper that a model is gone, and then forgets it.
func (e *edgeCore) removeModel(protocol string, m *pb.DeviceModel) {
	e.t.Helper()
	e.must(e.call(protocol, func(ctx context.Context, c pb.DeviceMapperServiceClient) error {
		_, err := c.RemoveDeviceModel(ctx, removalOf(m))
		return err
	}))
	e.forget(m)
}

func removalOf(m *pb.DeviceModel) *pb.RemoveDeviceModelRequest {
	return &pb.RemoveDeviceModelRequest{ModelName: m.GetName(), ModelNamespace: m.GetNamespace()}
}

func (e *edgeCore) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// A target notes what it is told.
type target struct {
	twins mapper.Reporter // the link's

	mu      sync.Mutex
	specs   map[mapper.Key]mapper.Spec
	puts    int
	removed []mapper.Key
}

var _ mapper.Target = (*target)(nil)

func (t *target) Put(spec mapper.Spec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.specs == nil {
		t.specs = map[mapper.Key]mapper.Spec{}
	}
	t.specs[spec.Key] = spec
	t.puts++
}

func (t *target) Remove(key mapper.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.specs, key)
	t.removed = append(t.removed, key)
}

// spec returns a device's.
func (t *target) spec(key mapper.Key) (mapper.Spec, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	spec, ok := t.specs[key]
	return spec, ok
}

// names returns the devices that there are, ordered.
func (t *target) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for key := range t.specs {
		names = append(names, key.Name)
	}
	slices.Sort(names)
	return names
}

// changes returns how often it was told something.
func (t *target) changes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.puts + len(t.removed)
}
