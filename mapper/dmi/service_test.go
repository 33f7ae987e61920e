package dmi

import (
	"context"
	"testing"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/klog/v2"

	"datastub/mapper"
)

func TestServiceRefuses(t *testing.T) {
	t.Parallel()
	r, to, _ := testRoster()
	s := &service{protocol: "modbus", roster: r, ask: func() {}}
	ctx := t.Context()
	tests := map[string]struct {
		call func() error
		want string
	}{
		"no device": {
			func() error { _, err := s.RegisterDevice(ctx, nil); return err },
			`device "/": want a namespace and a name`,
		},
		"no namespace": {
			func() error {
				_, err := s.UpdateDevice(ctx, &pb.UpdateDeviceRequest{Device: &pb.Device{Name: "a"}})
				return err
			},
			`device "/a": want a namespace and a name`,
		},
		"another protocol": {
			func() error {
				_, err := s.RegisterDevice(ctx, &pb.RegisterDeviceRequest{Device: deviceMessage(t, "Modbus", "a", 1)})
				return err
			},
			`device default/a: protocolName is "Modbus": want "modbus", whose mapper this is`,
		},
		"no model": {
			func() error { _, err := s.CreateDeviceModel(ctx, &pb.CreateDeviceModelRequest{}); return err },
			`device model "/": want a namespace and a name`,
		},
		"no name": {
			func() error {
				_, err := s.UpdateDeviceModel(ctx, &pb.UpdateDeviceModelRequest{Model: &pb.DeviceModel{Namespace: "a"}})
				return err
			},
			`device model "a/": want a namespace and a name`,
		},
	}
	for name, test := range tests {
		if err := test.call(); status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if got := to.changes(); got != 0 {
		t.Errorf("told %d things", got)
	}
}

func TestServiceGetDevice(t *testing.T) {
	t.Parallel()
	r, _, _ := testRoster()
	s := &service{protocol: "modbus", roster: r, twins: lastTwins{{PropertyName: "level"}}, ask: func() {}}
	request := &pb.GetDeviceRequest{DeviceName: "a", DeviceNamespace: "default"}
	if _, err := s.GetDevice(t.Context(), request); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown device: got %v", err)
	}
	r.put(deviceMessage(t, "modbus", "a", 1))
	got, err := s.GetDevice(t.Context(), request)
	if err != nil || got.GetDevice().GetSpec().GetDeviceModelReference() != "m" {
		t.Errorf("got %v, %v", got, err)
	}
	if twins := got.GetDevice().GetStatus().GetTwins(); len(twins) != 1 || twins[0].GetPropertyName() != "level" {
		t.Errorf("got %v, want the newest twins", twins)
	}
}

// lastTwins are every device's.
type lastTwins []*pb.Twin

func (l lastTwins) last(mapper.Key) []*pb.Twin { return l }

func TestGuard(t *testing.T) {
	t.Parallel()
	call := &grpc.UnaryServerInfo{FullMethod: "/v1beta1.DeviceMapperService/GetDevice"}
	_, err := guard(klog.Logger{})(t.Context(), nil, call, func(context.Context, any) (any, error) { panic("a bug") })
	if status.Code(err) != codes.Internal {
		t.Errorf("got %v, want an internal error", err)
	}
}

// A call that panics harms none that follows.
func TestGuardLeavesNothingLocked(t *testing.T) {
	t.Parallel()
	r, _, _ := testRoster()
	s := &service{protocol: "modbus", roster: r, ask: func() {}}
	r.target = nil // a bug: its Put panics
	register := func(ctx context.Context, request any) (any, error) {
		return s.RegisterDevice(ctx, request.(*pb.RegisterDeviceRequest))
	}
	call := &grpc.UnaryServerInfo{FullMethod: "/v1beta1.DeviceMapperService/RegisterDevice"}
	s.roster.putModel(modelMessage("l"))
	_, err := guard(klog.Logger{})(t.Context(), &pb.RegisterDeviceRequest{Device: deviceMessage(t, "modbus", "a", 1)}, call, register)
	if status.Code(err) != codes.Internal {
		t.Errorf("got %v, want an internal error", err)
	}
	if !r.mu.TryLock() {
		t.Fatal("the roster is locked for ever")
	}
	r.mu.Unlock()
}
