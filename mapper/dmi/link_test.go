package dmi

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"k8s.io/klog/v2"

	"datastub/driver"
	"datastub/hack/poll"
	"datastub/mapper"
	"datastub/mapper/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits for ok, for 20 s at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, 20*time.Second, what, ok)
}

func pack(t testing.TB, value proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(value)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// deviceMessage returns one with a property, made of the model "m".
func deviceMessage(t *testing.T, protocol, name string, offset float32) *pb.Device {
	t.Helper()
	return &pb.Device{
		Name: name, Namespace: "default", Status: &pb.DeviceStatus{},
		Spec: &pb.DeviceSpec{
			DeviceModelReference: "m",
			Protocol:             &pb.ProtocolConfig{ProtocolName: protocol},
			Properties: []*pb.DeviceProperty{{
				Name: "level", Desired: &pb.TwinProperty{},
				Visitors: &pb.VisitorConfig{ProtocolName: protocol, ConfigData: &pb.CustomizedValue{Data: map[string]*anypb.Any{
					"offset": pack(t, wrapperspb.Float(offset)),
				}}},
			}},
		},
	}
}

// modelMessage returns the model "m", whose property has a unit.
func modelMessage(unit string) *pb.DeviceModel {
	return &pb.DeviceModel{Name: "m", Namespace: "default", Spec: &pb.DeviceModelSpec{Properties: []*pb.ModelProperty{
		{Name: "level", Type: "INT", AccessMode: "ReadOnly", Unit: unit},
	}}}
}

// startLink runs a link that registers every 50 ms and returns what it tells.
func startLink(t *testing.T, e *edgeCore, protocols ...string) *target {
	t.Helper()
	return startLinkEvery(t, 50*time.Millisecond, e, protocols...)
}

// startLinkEvery is startLink with another period of registrations.
func startLinkEvery(t *testing.T, renewal time.Duration, e *edgeCore, protocols ...string) *target {
	t.Helper()
	dir := socketDir(t)
	var all []mapper.Registration
	for _, p := range protocols {
		all = append(all, mapper.Registration{Protocol: p, Name: "mapper-" + p, Socket: filepath.Join(dir, p+".sock")})
	}
	l, err := New(Options{
		Registrations: all, EdgeCore: e.path, Renewal: renewal,
		Defaults: mapper.DefaultRules(),
		Vet:      vetNothing,
		Logger:   klog.Background(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	to := &target{twins: l.Twins()}
	go func() { done <- l.Run(ctx, to) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return to
}

// What is reported comes to EdgeCore, also after it was away, and there is no
// queue: the newest comes.
func TestLinkReports(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	to := startLinkEvery(t, time.Minute, e, "modbus") // EdgeCore is not there yet
	key := mapper.Key{Namespace: "default", Name: "a"}
	to.twins.ReportSpec(specOf("a", "level"))
	to.twins.ReportHealth(key, mapper.Health{State: mapper.Online})
	report := func(value int64) {
		to.twins.ReportValues(key, []mapper.Reported{{Property: "level", Reading: driver.Reading{Value: value}}})
	}
	report(1)
	e.start()
	until(t, "the twin and the state", func() bool { return e.has("default/a", "level", "1", "online") })
	e.stop()
	report(2)
	to.twins.ReportHealth(key, mapper.Health{State: mapper.Offline})
	report(3)
	e.start()
	until(t, "what was newest while EdgeCore was away", func() bool { return e.has("default/a", "level", "3", "offline") })
	e.stop()
	e.start()
	until(t, "everything again", func() bool { return e.has("default/a", "level", "3", "offline") })
}

func TestLinkFollowsEdgeCore(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.know(modelMessage("l"), deviceMessage(t, "modbus", "a", 1))
	to := startLink(t, e, "modbus") // EdgeCore is not there yet
	e.start()
	until(t, "the device that EdgeCore knew", func() bool { return slices.Equal(to.names(), []string{"a"}) })
	info := e.registered("modbus")
	if info.GetName() != "mapper-modbus" || info.GetState() != "ok" {
		t.Errorf("registered as %v", info)
	}

	e.register(deviceMessage(t, "modbus", "b", 2))
	if got := to.names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("after RegisterDevice: got %v, want a and b at once", got)
	}
	e.update(deviceMessage(t, "modbus", "b", 3))
	b := mapper.Key{Namespace: "default", Name: "b"}
	if spec, _ := to.spec(b); len(spec.Properties) != 1 || spec.Properties[0].Point.Settings["offset"] != 3.0 {
		t.Errorf("after UpdateDevice: got %+v", spec)
	}
	e.updateModel("modbus", modelMessage("hl"))
	if spec, _ := to.spec(b); len(spec.Properties) != 1 || spec.Properties[0].Unit != "hl" {
		t.Errorf("after UpdateDeviceModel: got %+v", spec)
	}

	changes, before := to.changes(), e.registrations()
	e.update(deviceMessage(t, "modbus", "b", 3))
	until(t, "three registrations", func() bool { return e.registrations() >= before+3 })
	if got := to.changes(); got != changes {
		t.Errorf("told %d things when nothing had changed", got-changes)
	}
}

// The model goes before its devices.
func TestLinkRemoves(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.know(modelMessage("l"), deviceMessage(t, "modbus", "a", 1), deviceMessage(t, "modbus", "b", 3))
	e.start()
	to := startLinkEvery(t, time.Minute, e, "modbus")
	until(t, "the devices", func() bool { return len(to.names()) == 2 })
	e.removeModel("modbus", modelMessage("l"))
	if spec, ok := to.spec(mapper.Key{Namespace: "default", Name: "b"}); !ok || spec.Void {
		t.Errorf("after RemoveDeviceModel: got %v, %+v, want the device as it was", ok, spec)
	}
	e.remove(deviceMessage(t, "modbus", "b", 3))
	if got := to.names(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after RemoveDevice: got %v, want a alone at once", got)
	}
	e.remove(deviceMessage(t, "modbus", "b", 3)) // unknown, which is fine
}

// KubeEdge may lose the call that removes a device, and not that for its model.
func TestLinkRemovesWhatLostItsModel(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	a := deviceMessage(t, "modbus", "a", 1)
	e.know(modelMessage("l"), a)
	e.start()
	to := startLink(t, e, "modbus")
	until(t, "the device", func() bool { return len(to.names()) == 1 })
	e.removeModel("modbus", modelMessage("l")) // without it no answer has the device, which EdgeCore keeps
	until(t, "no device", func() bool { return len(to.names()) == 0 })
	e.register(a) // unlike EdgeCore, which waits for the model
	if got := to.names(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a device that is made again: got %v, want a", got)
	}
}

func TestLinkOutlivesEdgeCore(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.know(modelMessage("l"), deviceMessage(t, "modbus", "a", 1))
	e.start()
	to := startLink(t, e, "modbus")
	until(t, "the device", func() bool { return len(to.names()) == 1 })
	changes := to.changes()
	e.stop()
	e.start()
	until(t, "a registration with the new EdgeCore", func() bool { return e.registered("modbus") != nil })
	if got := to.changes(); got != changes {
		t.Errorf("told %d things over a restart of EdgeCore", got-changes)
	}
	e.register(deviceMessage(t, "modbus", "b", 1))
	if got := to.names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, want a and b", got)
	}
}

func TestLinkHasSeveralProtocols(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.know(modelMessage("l"), deviceMessage(t, "modbus", "a", 1), deviceMessage(t, "virtual", "b", 1), deviceMessage(t, "opcua", "c", 1))
	e.start()
	to := startLink(t, e, "modbus", "virtual")
	until(t, "both devices", func() bool { return slices.Equal(to.names(), []string{"a", "b"}) })
	// The device speaks the other protocol now: its mapper alone is told.
	e.update(deviceMessage(t, "virtual", "a", 1))
	if spec, _ := to.spec(mapper.Key{Namespace: "default", Name: "a"}); spec.Protocol != "virtual" {
		t.Errorf("got %+v", spec)
	}
}

// What EdgeCore cannot tell by calls comes with a registration.
func TestLinkAsksForModels(t *testing.T) {
	t.Parallel()
	e := newEdgeCore(t)
	e.start()
	to := startLink(t, e, "modbus")
	until(t, "a registration", func() bool { return e.registered("modbus") != nil })
	e.register(deviceMessage(t, "modbus", "a", 1)) // unlike EdgeCore, which waits for the model
	a := mapper.Key{Namespace: "default", Name: "a"}
	if spec, _ := to.spec(a); !spec.Void {
		t.Errorf("without its model: got %+v, want it void", spec)
	}
	e.know(modelMessage("l"))
	until(t, "the device runs", func() bool {
		spec, _ := to.spec(a)
		return len(spec.Properties) == 1
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	taken := filepath.Join(socketDir(t), "taken.sock")
	holder, err := socket.Listen(taken)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	free := filepath.Join(filepath.Dir(taken), "free.sock")
	registered := []mapper.Registration{{Protocol: "modbus", Name: "m", Socket: free}}
	tests := map[string]struct {
		options Options
		want    string
	}{
		"no registrations": {Options{EdgeCore: "/e.sock", Vet: vetNothing}, "link to EdgeCore has no registrations: want one a protocol"},
		"no EdgeCore":      {Options{Registrations: registered, Vet: vetNothing}, "link to EdgeCore has no path: want that of EdgeCore's socket"},
		"no vet":           {Options{Registrations: registered, EdgeCore: "/e.sock"}, "link to EdgeCore has no vet: want that of the drivers"},
		"a socket that is taken": {
			Options{Registrations: append(registered, mapper.Registration{Protocol: "virtual", Name: "v", Socket: taken}), EdgeCore: "/e.sock", Vet: vetNothing},
			"grpc_server.socket_path: socket " + taken + " is in use, perhaps by another mapper on this node: name another path in config.yaml",
		},
	}
	for name, test := range tests {
		if _, err := New(test.options); err == nil || err.Error() != test.want {
			t.Errorf("%s: got  %v\nwant %s", name, err, test.want)
		}
	}
	l, err := New(Options{Registrations: registered, EdgeCore: "/e.sock", Vet: vetNothing})
	if err != nil {
		t.Fatalf("the first socket was not given back: %v", err)
	}
	l.Close()
}
