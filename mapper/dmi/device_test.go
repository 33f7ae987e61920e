package dmi

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datastub/mapper"
)

// fullDevice returns a message in which everything is given.
func fullDevice(t testing.TB) *pb.Device {
	t.Helper()
	return &pb.Device{
		Name: "boiler", Namespace: "plant",
		Status: &pb.DeviceStatus{ReportToCloud: true, ReportCycle: 5000},
		Spec: &pb.DeviceSpec{
			DeviceModelReference: "m",
			Protocol: &pb.ProtocolConfig{ProtocolName: "modbus", ConfigData: &pb.CustomizedValue{Data: map[string]*anypb.Any{
				"ip": pack(t, wrapperspb.String("10.0.0.1")), "port": pack(t, wrapperspb.Float(502)),
			}}},
			Methods: []*pb.DeviceMethod{{Name: "set", Description: "d", PropertyNames: []string{"level"}}},
			Properties: []*pb.DeviceProperty{{
				Name: "level", Desired: &pb.TwinProperty{Value: "1", Metadata: map[string]string{"type": "int"}},
				Visitors: &pb.VisitorConfig{ProtocolName: "modbus", ConfigData: &pb.CustomizedValue{Data: map[string]*anypb.Any{
					"scale": pack(t, wrapperspb.Float(0.1)), "isSwap": pack(t, wrapperspb.Bool(true)),
				}}},
				ReportCycle: 10000, CollectCycle: 1000, ReportToCloud: true,
				PushMethod: &pb.PushMethod{
					Http: &pb.PushMethodHTTP{Hostname: "h", Port: 80, Requestpath: "/p", Timeout: 3},
					Mqtt: &pb.PushMethodMQTT{Address: "tcp://b:1883", Topic: "t", Qos: 1, Retained: true},
					Otel: &pb.PushMethodOTEL{EndpointURL: "http://o"},
					DbMethod: &pb.DBMethod{
						Influxdb2: &pb.DBMethodInfluxdb2{
							Influxdb2ClientConfig: &pb.Influxdb2ClientConfig{Url: "u", Org: "o", Bucket: "b"},
							Influxdb2DataConfig:   &pb.Influxdb2DataConfig{Measurement: "m", Tag: map[string]string{"a": "b"}, FieldKey: "f"},
						},
						Redis:    &pb.DBMethodRedis{RedisClientConfig: &pb.RedisClientConfig{Addr: "a", Db: 1, Poolsize: 2, MinIdleConns: 3}},
						Tdengine: &pb.DBMethodTDEngine{TdEngineClientConfig: &pb.TDEngineClientConfig{Addr: "a", Dbname: "d"}},
						Mysql:    &pb.DBMethodMySQL{MysqlClientConfig: &pb.MySQLClientConfig{Addr: "a", Database: "d", UserName: "u"}},
					},
					AnomalyDetection: &pb.AnomalyDetection{Data: map[string]*anypb.Any{"limit": pack(t, wrapperspb.Float(3))}},
				},
			}},
		},
	}
}

func TestDeviceOf(t *testing.T) {
	t.Parallel()
	want := &v1beta1.Device{
		ObjectMeta: metav1.ObjectMeta{Namespace: "plant", Name: "boiler"},
		Spec: v1beta1.DeviceSpec{
			DeviceModelRef: &corev1.LocalObjectReference{Name: "m"},
			Protocol: v1beta1.ProtocolConfig{ProtocolName: "modbus", ConfigData: &v1beta1.CustomizedValue{
				Data: map[string]any{"ip": "10.0.0.1", "port": 502.0},
			}},
			Methods:     []v1beta1.DeviceMethod{{Name: "set", Description: "d", PropertyNames: []string{"level"}}},
			StateReport: &v1beta1.StateReportConfig{ReportToCloud: true, ReportCycle: 5000},
			Properties: []v1beta1.DeviceProperty{{
				Name: "level", Desired: v1beta1.TwinProperty{Value: "1", Metadata: map[string]string{"type": "int"}},
				Visitors: v1beta1.VisitorConfig{ProtocolName: "modbus", ConfigData: &v1beta1.CustomizedValue{
					Data: map[string]any{"scale": 0.1, "isSwap": true},
				}},
				ReportCycle: 10000, CollectCycle: 1000, ReportToCloud: true,
				PushMethod: &v1beta1.PushMethod{
					HTTP: &v1beta1.PushMethodHTTP{HostName: "h", Port: 80, RequestPath: "/p", Timeout: 3},
					MQTT: &v1beta1.PushMethodMQTT{Address: "tcp://b:1883", Topic: "t", QoS: 1, Retained: true},
					OTEL: &v1beta1.PushMethodOTEL{EndpointURL: "http://o"},
					DBMethod: &v1beta1.DBMethodConfig{
						Influxdb2: &v1beta1.DBMethodInfluxdb2{
							Influxdb2ClientConfig: &v1beta1.Influxdb2ClientConfig{URL: "u", Org: "o", Bucket: "b"},
							Influxdb2DataConfig:   &v1beta1.Influxdb2DataConfig{Measurement: "m", Tag: map[string]string{"a": "b"}, FieldKey: "f"},
						},
						Redis:    &v1beta1.DBMethodRedis{RedisClientConfig: &v1beta1.RedisClientConfig{Addr: "a", DB: 1, Poolsize: 2, MinIdleConns: 3}},
						TDEngine: &v1beta1.DBMethodTDEngine{TDEngineClientConfig: &v1beta1.TDEngineClientConfig{Addr: "a", DBName: "d"}},
						Mysql:    &v1beta1.DBMethodMySQL{MySQLClientConfig: &v1beta1.MySQLClientConfig{Addr: "a", Database: "d", UserName: "u"}},
					},
					AnomalyDetection: &v1beta1.AnomalyDetectionConfig{Data: map[string]any{"limit": 3.0}},
				},
			}},
		},
	}
	if got := deviceOf(fullDevice(t)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDeviceOfParts(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]*pb.Device{
		"nothing":       nil,
		"no spec":       {Name: "a"},
		"no protocol":   {Spec: &pb.DeviceSpec{Properties: []*pb.DeviceProperty{nil, {}}, Methods: []*pb.DeviceMethod{nil}}},
		"no configData": {Spec: &pb.DeviceSpec{Protocol: &pb.ProtocolConfig{}, Properties: []*pb.DeviceProperty{{Visitors: &pb.VisitorConfig{}, PushMethod: &pb.PushMethod{}}}}},
		"no data":       {Spec: &pb.DeviceSpec{Protocol: &pb.ProtocolConfig{ConfigData: &pb.CustomizedValue{}}}},
	} {
		out := deviceOf(in)
		if out.Name != in.GetName() || out.Spec.StateReport != nil || len(out.Spec.Properties) != len(in.GetSpec().GetProperties()) {
			t.Errorf("%s: got %+v", name, out)
		}
	}
}

// A value that cannot be read is the fault of its own property alone.
func TestDeviceOfTellsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	in := fullDevice(t)
	good := proto.CloneOf(in.GetSpec().GetProperties()[0])
	good.Name = "good"
	in.Spec.Properties = append(in.Spec.Properties, good)
	in.Spec.Properties[0].Visitors.ConfigData.Data["offset"] = pack(t, &structpb.Struct{})
	model := &pb.DeviceModel{Name: "m", Namespace: "plant", Spec: &pb.DeviceModelSpec{Properties: []*pb.ModelProperty{
		{Name: "level", Type: "INT", AccessMode: "ReadWrite"}, {Name: "good", Type: "INT", AccessMode: "ReadWrite"},
	}}}
	spec, errs, _ := mapper.Assemble(deviceOf(in), modelOf(model), mapper.DefaultRules(), vetNothing)
	want := `spec.properties[level].visitors.configData.offset: Invalid value: (not read): EdgeCore gives it as "type.googleapis.com/google.protobuf.Struct", which cannot be read`
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
		t.Errorf("got %v\nwant %s", errs, want)
	}
	if spec.Void || len(spec.Properties) != 1 || spec.Properties[0].Point.Name != "good" {
		t.Errorf("got %+v, want the other property alone", spec)
	}
}

func vetNothing(mapper.Spec) (errs, warnings []error) { return nil, nil }

// FuzzDevice holds any message that EdgeCore may send to what Assemble is
// promised: a Spec of the same device, or faults.
func FuzzDevice(f *testing.F) {
	for _, seed := range []*pb.Device{fullDevice(f), {}, {Name: "a", Namespace: "b", Spec: &pb.DeviceSpec{DeviceModelReference: "m"}}} {
		text, err := proto.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	model := modelOf(modelMessage("l"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := new(pb.Device)
		if proto.Unmarshal(text, in) != nil {
			return
		}
		spec, errs, _ := mapper.Assemble(deviceOf(in), model, mapper.DefaultRules(), vetNothing)
		if spec.Key != keyOf(in) {
			t.Errorf("device %v: got a Spec of %v", keyOf(in), spec.Key)
		}
		if spec.Void && len(errs) == 0 {
			t.Error("void, and nothing says why")
		}
	})
}
