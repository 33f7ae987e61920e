package dmi

import (
	"context"
	"fmt"
	"runtime/debug"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/klog/v2"

	"datastub/mapper"
)

// A service is the DeviceMapperService of one protocol, which EdgeCore calls.
// One goroutine of EdgeCore's calls all mappers of the node, and waits for each
// answer, so that every handler only notes what it was told. It refuses what
// has no name, and nothing else: EdgeCore would not come again, and what is
// wrong with a device is told where it is seen.
type service struct {
	pb.UnimplementedDeviceMapperServiceServer
	protocol string
	roster   *roster
	twins    interface {
		last(key mapper.Key) []*pb.Twin
	} // what is known of a device's values
	ask     func() // for a registration soon: its answer has what the calls do not tell
	inquire func() // the same, if devices whose model is gone stay
}

var _ pb.DeviceMapperServiceServer = (*service)(nil)

// RegisterDevice implements pb.DeviceMapperServiceServer.
func (s *service) RegisterDevice(_ context.Context, request *pb.RegisterDeviceRequest) (*pb.RegisterDeviceResponse, error) {
	if err := s.put(request.GetDevice()); err != nil {
		return nil, err
	}
	return &pb.RegisterDeviceResponse{
		DeviceName: request.GetDevice().GetName(), DeviceNamespace: request.GetDevice().GetNamespace(),
	}, nil
}

// UpdateDevice implements pb.DeviceMapperServiceServer.
func (s *service) UpdateDevice(_ context.Context, request *pb.UpdateDeviceRequest) (*pb.UpdateDeviceResponse, error) {
	if err := s.put(request.GetDevice()); err != nil {
		return nil, err
	}
	return &pb.UpdateDeviceResponse{}, nil
}

func (s *service) put(device *pb.Device) error {
	if err := checkName("device", keyOf(device)); err != nil {
		return err
	}
	if protocol := device.GetSpec().GetProtocol().GetProtocolName(); protocol != s.protocol {
		return status.Errorf(codes.InvalidArgument, "device %v: protocolName is %.64q: want %q, whose mapper this is", keyOf(device), protocol, s.protocol)
	}
	if modelKnown := s.roster.put(device); !modelKnown {
		s.ask()
	}
	return nil
}

// RemoveDevice implements pb.DeviceMapperServiceServer. An unknown device is
// removed already: on an error EdgeCore would keep it.
func (s *service) RemoveDevice(_ context.Context, request *pb.RemoveDeviceRequest) (*pb.RemoveDeviceResponse, error) {
	s.roster.remove(mapper.Key{Namespace: request.GetDeviceNamespace(), Name: request.GetDeviceName()})
	return &pb.RemoveDeviceResponse{}, nil
}

// CreateDeviceModel implements pb.DeviceMapperServiceServer.
func (s *service) CreateDeviceModel(_ context.Context, request *pb.CreateDeviceModelRequest) (*pb.CreateDeviceModelResponse, error) {
	if err := s.putModel(request.GetModel()); err != nil {
		return nil, err
	}
	return &pb.CreateDeviceModelResponse{
		DeviceModelName: request.GetModel().GetName(), DeviceModelNamespace: request.GetModel().GetNamespace(),
	}, nil
}

// UpdateDeviceModel implements pb.DeviceMapperServiceServer.
func (s *service) UpdateDeviceModel(_ context.Context, request *pb.UpdateDeviceModelRequest) (*pb.UpdateDeviceModelResponse, error) {
	if err := s.putModel(request.GetModel()); err != nil {
		return nil, err
	}
	return &pb.UpdateDeviceModelResponse{}, nil
}

// putModel notes a model. There is more that EdgeCore does not tell by calls:
// the model's configData, which is a part of the devices that are made of it,
// and devices that came to EdgeCore before their model did.
func (s *service) putModel(model *pb.DeviceModel) error {
	if err := checkName("device model", keyOf(model)); err != nil {
		return err
	}
	s.roster.putModel(model)
	s.ask()
	return nil
}

// RemoveDeviceModel implements pb.DeviceMapperServiceServer. The model's last
// device is to be removed next, by a call that KubeEdge may lose.
func (s *service) RemoveDeviceModel(_ context.Context, request *pb.RemoveDeviceModelRequest) (*pb.RemoveDeviceModelResponse, error) {
	if bereft := s.roster.removeModel(mapper.Key{Namespace: request.GetModelNamespace(), Name: request.GetModelName()}); bereft {
		s.inquire()
	}
	return &pb.RemoveDeviceModelResponse{}, nil
}

// GetDevice implements pb.DeviceMapperServiceServer: the device as EdgeCore
// told it, with its newest twins.
func (s *service) GetDevice(_ context.Context, request *pb.GetDeviceRequest) (*pb.GetDeviceResponse, error) {
	key := mapper.Key{Namespace: request.GetDeviceNamespace(), Name: request.GetDeviceName()}
	device, ok := s.roster.device(key)
	if !ok {
		return nil, status.Errorf(codes.NotFound, "device %v is not known here", key)
	}
	if device.Status == nil {
		device.Status = &pb.DeviceStatus{}
	}
	device.Status.Twins = s.twins.last(key)
	return &pb.GetDeviceResponse{Device: device}, nil
}

func checkName(kind string, key mapper.Key) error {
	if key.Name == "" || key.Namespace == "" {
		return status.Errorf(codes.InvalidArgument, "%s %q: want a namespace and a name", kind, key.String())
	}
	return nil
}

// guard answers a call whose handler panics with an error, and goes on.
func guard(logger klog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, call *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
		defer func() {
			if p := recover(); p != nil {
				logger.Error(fmt.Errorf("panic: %v", p), "A call of EdgeCore could not be served", "method", call.FullMethod, "stack", string(debug.Stack()))
				err = status.Error(codes.Internal, "the mapper could not serve this call: see its log")
			}
		}()
		return handler(ctx, request)
	}
}
