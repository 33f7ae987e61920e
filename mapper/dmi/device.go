package dmi

import (
	"encoding/json"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datastub/mapper"
)

// keyOf returns the key of a device or model.
func keyOf(object interface {
	GetNamespace() string
	GetName() string
}) mapper.Key {
	return mapper.Key{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// deviceOf returns the Device that EdgeCore's message was made of. Any part of
// the message may be missing.
func deviceOf(in *pb.Device) *v1beta1.Device {
	spec := in.GetSpec()
	device := &v1beta1.Device{
		ObjectMeta: metav1.ObjectMeta{Namespace: in.GetNamespace(), Name: in.GetName()},
		Spec: v1beta1.DeviceSpec{
			Protocol: v1beta1.ProtocolConfig{
				ProtocolName: spec.GetProtocol().GetProtocolName(),
				ConfigData:   configDataOf(spec.GetProtocol().GetConfigData()),
			},
		},
	}
	if model := spec.GetDeviceModelReference(); model != "" {
		device.Spec.DeviceModelRef = &corev1.LocalObjectReference{Name: model}
	}
	for _, p := range spec.GetProperties() {
		device.Spec.Properties = append(device.Spec.Properties, propertyOf(p))
	}
	for _, m := range spec.GetMethods() {
		device.Spec.Methods = append(device.Spec.Methods, v1beta1.DeviceMethod{
			Name: m.GetName(), Description: m.GetDescription(), PropertyNames: m.GetPropertyNames(),
		})
	}
	// EdgeCore hands over spec.stateReport as a part of the status.
	if s := in.GetStatus(); s.GetReportToCloud() || s.GetReportCycle() != 0 {
		device.Spec.StateReport = &v1beta1.StateReportConfig{ReportToCloud: s.GetReportToCloud(), ReportCycle: s.GetReportCycle()}
	}
	return device
}

func propertyOf(in *pb.DeviceProperty) v1beta1.DeviceProperty {
	return v1beta1.DeviceProperty{
		Name: in.GetName(),
		Desired: v1beta1.TwinProperty{
			Value: in.GetDesired().GetValue(), Metadata: in.GetDesired().GetMetadata(),
		},
		Visitors: v1beta1.VisitorConfig{
			ProtocolName: in.GetVisitors().GetProtocolName(),
			ConfigData:   configDataOf(in.GetVisitors().GetConfigData()),
		},
		ReportCycle:   in.GetReportCycle(),
		CollectCycle:  in.GetCollectCycle(),
		ReportToCloud: in.GetReportToCloud(),
		PushMethod:    pushMethodOf(in.GetPushMethod()),
	}
}

func configDataOf(in *pb.CustomizedValue) *v1beta1.CustomizedValue {
	if in == nil {
		return nil
	}
	return &v1beta1.CustomizedValue{Data: scalarsOf(in.GetData())}
}

// pushMethodOf goes back the way by which EdgeCore made the message: through
// JSON, whose keys differ in case only. Only values that may be of any type
// went another way.
func pushMethodOf(in *pb.PushMethod) *v1beta1.PushMethod {
	if in == nil {
		return nil
	}
	named := &pb.PushMethod{Http: in.Http, Mqtt: in.Mqtt, Otel: in.Otel, DbMethod: in.DbMethod}
	out := &v1beta1.PushMethod{}
	// Messages of text, numbers and booleans become JSON, and fit the type that
	// they were made of.
	if text, err := json.Marshal(named); err == nil {
		_ = json.Unmarshal(text, out)
	}
	if in.AnomalyDetection != nil {
		out.AnomalyDetection = &v1beta1.AnomalyDetectionConfig{Data: scalarsOf(in.AnomalyDetection.GetData())}
	}
	return out
}

// modelOf returns what EdgeCore's message has of a DeviceModel. It has no
// protocol and no configData: EdgeCore puts the latter into the devices.
func modelOf(in *pb.DeviceModel) *v1beta1.DeviceModel {
	model := &v1beta1.DeviceModel{ObjectMeta: metav1.ObjectMeta{Namespace: in.GetNamespace(), Name: in.GetName()}}
	for _, p := range in.GetSpec().GetProperties() {
		model.Spec.Properties = append(model.Spec.Properties, v1beta1.ModelProperty{
			Name:        p.GetName(),
			Description: p.GetDescription(),
			Type:        v1beta1.PropertyType(p.GetType()),
			AccessMode:  v1beta1.PropertyAccessMode(p.GetAccessMode()),
			Minimum:     p.GetMinimum(),
			Maximum:     p.GetMaximum(),
			Unit:        p.GetUnit(),
		})
	}
	return model
}
