package mapper

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datastub/dataplane"
	"datastub/driver"
)

// FuzzMerge merges every device of any file: a Spec is all right for the data
// plane and the fleet, and what is left out of it is told.
func FuzzMerge(f *testing.F) {
	addResources(f)
	f.Add([]byte(silo + "spec: {deviceModelRef: {name: silo}, properties: [{name: level, visitors: {configData: {topic: '{device}/{property}', deadband: 2%}}}]}\n"))
	f.Add([]byte(silo + "spec: {deviceModelRef: {name: silo}, properties: [{name: door, pushMethod: {http: {hostName: a, port: 1, requestPath: /b}, mqtt: {address: 'u:p@b', topic: t, qos: 1}}}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, _ := Decode("f.yaml", data)
		specs, problems := catalog{"f.yaml": objects}.specs(DefaultRules(), vetNothing)
		for _, p := range problems {
			checkRefusal(t, p)
		}
		for _, spec := range specs {
			checkSpec(t, spec)
		}
		if len(problems) == 0 && len(specs) != len(objects.Devices) {
			t.Fatalf("%d devices became %d, and nothing is told", len(objects.Devices), len(specs))
		}
	})
}

// FuzzPush merges a receiver and a broker of any address: what comes of them
// can be pushed to.
func FuzzPush(f *testing.F) {
	f.Add("http://u:s3cret@app.example.com", int64(80), "/values?k=1", "mqtt://u:s3cret@broker:1883/")
	f.Add("[::1]", int64(443), "%zz", "wss://broker/mqtt?k=1#f")
	f.Add("0?", int64(443), "0", "tcp://0?")
	f.Add("0:", int64(1), "", ":1:")
	f.Add("0", int64(1), "", "a::")
	f.Fuzz(func(t *testing.T, host string, port int64, path, address string) {
		device, model := placed(nil, 0)
		device.Spec.Properties[0].PushMethod = &v1beta1.PushMethod{
			HTTP: &v1beta1.PushMethodHTTP{HostName: host, Port: port, RequestPath: path},
			MQTT: &v1beta1.PushMethodMQTT{Address: address, Topic: "t"},
		}
		spec, _ := Merge(device, model, DefaultRules())
		checkPush(t, spec.Properties[0].Push)
	})
}

// FuzzConfigData merges one property with any three settings in each of the
// four places where they may stand.
func FuzzConfigData(f *testing.F) {
	f.Add("topic", "sensor/{property}", "qosClass", "RT", "deadband", "2%")
	f.Add("qos", "bt", "QOSCLASS", "FAST", "publish", "no")
	f.Add("onChange", "1", "maxAge", "60", "maxAge", "60s")
	f.Add("offset", "0x10", "min", "1", "max", "nan")
	f.Add("topic", "../{device}", "Topic", "a//b", "topic", "{model}{property}")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		given := map[string]any{k1: v1, k2: v2, k3: v3}
		for place := range 4 {
			device, model := placed(given, place)
			spec, errs := Merge(device, model, DefaultRules())
			for _, err := range errs {
				checkRefusal(t, err)
			}
			switch {
			case spec != nil:
				checkSpec(t, *spec)
			case len(errs) == 0:
				t.Fatal("no Spec and no error")
			}
		}
	})
}

// placed returns a device of one number, and its model, with settings in one of
// four places: the device's and the model's protocol, and the property's in
// both.
func placed(settings map[string]any, place int) (*v1beta1.Device, *v1beta1.DeviceModel) {
	var configs [4]*v1beta1.CustomizedValue
	configs[place] = &v1beta1.CustomizedValue{Data: settings}
	device := &v1beta1.Device{
		ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "default"},
		Spec: v1beta1.DeviceSpec{
			DeviceModelRef: &corev1.LocalObjectReference{Name: "m"},
			Protocol:       v1beta1.ProtocolConfig{ProtocolName: "modbus", ConfigData: configs[0]},
			Properties:     []v1beta1.DeviceProperty{{Name: "p", Visitors: v1beta1.VisitorConfig{ConfigData: configs[1]}}},
		},
	}
	model := &v1beta1.DeviceModel{
		ObjectMeta: metav1.ObjectMeta{Name: "m", Namespace: "default"},
		Spec: v1beta1.DeviceModelSpec{
			ProtocolConfigData: configs[2],
			Properties: []v1beta1.ModelProperty{{
				Name: "p", Type: v1beta1.INT, AccessMode: v1beta1.ReadOnly,
				Visitors: &v1beta1.VisitorConfig{ConfigData: configs[3]},
			}},
		},
	}
	return device, model
}

// checkSpec fails unless the data plane and the fleet can take a Spec.
func checkSpec(t *testing.T, spec Spec) {
	t.Helper()
	topics := map[string]bool{}
	for _, p := range spec.Properties {
		message := dataplane.Message{
			Topic: p.Rules.Topic, Namespace: spec.Key.Namespace, Device: spec.Key.Name, Property: p.Point.Name,
			Class: p.Rules.Class, Value: dataplane.BooleanValue(true), Unit: p.Unit, Time: time.Unix(1, 0), Quality: dataplane.Good,
		}
		if err := message.Validate(); err != nil {
			t.Fatalf("%q: its messages are refused: %v", p.Point.Name, err)
		}
		if p.Rules.Publish && topics[p.Rules.Topic] {
			t.Fatalf("topic %q is given twice", p.Rules.Topic)
		}
		topics[p.Rules.Topic] = topics[p.Rules.Topic] || p.Rules.Publish
		if p.CollectCycle <= 0 || p.ReportCycle <= 0 || p.Rules.MaxAge < 0 {
			t.Fatalf("%q: cycles %v and %v, maxAge %v", p.Point.Name, p.CollectCycle, p.ReportCycle, p.Rules.MaxAge)
		}
		checkDriverSettings(t, p.Point.Settings)
		checkPush(t, p.Push)
	}
	checkDriverSettings(t, spec.Settings)
}

// checkPush fails where nothing can be pushed to a Push.
func checkPush(t *testing.T, push Push) {
	t.Helper()
	if push.HTTP != nil {
		if u, err := url.Parse(push.HTTP.URL); err != nil || u.Hostname() == "" || u.Port() == "" {
			t.Fatalf("URL %q: %v", push.HTTP.URL, err)
		}
	}
	if push.MQTT != nil {
		if same, ok := brokerURL(push.MQTT.Broker); !ok || same != push.MQTT.Broker {
			t.Fatalf("broker %q is %q, %v", push.MQTT.Broker, same, ok)
		}
	}
}

// checkDriverSettings fails where a driver would see the data plane's keys.
func checkDriverSettings(t *testing.T, settings driver.Settings) {
	t.Helper()
	for key, value := range settings {
		if ruleKeys[strings.ToLower(key)] || !isScalar(value) {
			t.Fatalf("the driver gets %q: %v", key, value)
		}
	}
}
