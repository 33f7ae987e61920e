package main

import (
	dmi "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A property is a property of the DeviceModel and of each Device.
type property struct {
	name, dataType, unit string
	desiredType          string // metadata of the desired value; often none
	configData           map[string]proto.Message
}

func text(s string) proto.Message { return wrapperspb.String(s) }

// properties have one of each type, and one of each thing that can be wrong.
var properties = []property{
	{"count", "INT", "1", "", map[string]proto.Message{"signal": text("counter"), "topic": text("oven/count"), "qosClass": text("RT")}},
	{"heat", "FLOAT", "°C", "string", map[string]proto.Message{"signal": text("single"), "deadband": wrapperspb.Float(0.05)}},
	{"energy", "DOUBLE", "kWh", "", map[string]proto.Message{"signal": text("double"), "Topic": text("{device}/{property}")}},
	{"door", "BOOLEAN", "", "boolean", map[string]proto.Message{"signal": text("switch"), "qos": text("RT")}},
	{"program", "STRING", "", "string", map[string]proto.Message{"signal": text("text")}},
	{"label", "BYTES", "", "", map[string]proto.Message{"signal": text("raw")}},
	{"serial", "INT", "", "", map[string]proto.Message{"signal": text("steady"), "onChange": wrapperspb.Bool(true), "qosClass": text("RT")}},
	{"broken", "INT", "", "", map[string]proto.Message{"signal": text("sick"), "qosClass": text("RT")}},
	{"clash", "INT", "", "", map[string]proto.Message{"signal": text("counter"), "topic": text("oven/count")}},
	{"fast", "INT", "", "", map[string]proto.Message{"signal": text("counter"), "qosClass": text("FAST")}},
	{"camera", "STREAM", "", "", map[string]proto.Message{"signal": text("raw")}},
}

func ovenModel() *dmi.DeviceModel {
	model := &dmi.DeviceModel{Name: "oven", Namespace: "default", Spec: &dmi.DeviceModelSpec{}}
	for _, p := range properties {
		model.Spec.Properties = append(model.Spec.Properties, &dmi.ModelProperty{
			Name: p.name, Type: p.dataType, Unit: p.unit, AccessMode: "ReadOnly",
		})
	}
	return model
}

// ovenDevice is a device whose properties are all pushed to one address.
func ovenDevice(name, model, address string) *dmi.Device {
	const reportCycle = 20 // milliseconds
	device := &dmi.Device{
		Name: name, Namespace: "default",
		Spec: &dmi.DeviceSpec{
			DeviceModelReference: model,
			Protocol:             &dmi.ProtocolConfig{ProtocolName: "oven"},
		},
	}
	for _, p := range properties {
		desired := &dmi.TwinProperty{}
		if p.desiredType != "" {
			desired.Metadata = map[string]string{"type": p.desiredType}
		}
		device.Spec.Properties = append(device.Spec.Properties, &dmi.DeviceProperty{
			Name: p.name, Desired: desired, ReportCycle: reportCycle,
			Visitors:   &dmi.VisitorConfig{ProtocolName: "oven", ConfigData: &dmi.CustomizedValue{Data: packed(p.configData)}},
			PushMethod: &dmi.PushMethod{Mqtt: &dmi.PushMethodMQTT{Address: address}},
		})
	}
	return device
}

// packed packs scalars as EdgeCore does.
func packed(scalars map[string]proto.Message) map[string]*anypb.Any {
	data := make(map[string]*anypb.Any, len(scalars))
	for key, scalar := range scalars {
		packed, err := anypb.New(scalar)
		if err != nil {
			panic(err)
		}
		data[key] = packed
	}
	return data
}
