package datapanel

import (
	"testing"

	"github.com/kubeedge/mapper-framework/pkg/common"

	"datastub/mapper"
)

// Whatever a property says, either it is refused or every value that parses
// has the property's type.
func FuzzWish(f *testing.F) {
	f.Add(`{"address":"zmq://dataplane","topic":"a/b","qos":1}`, `{"protocolName":"p","configData":{"qosClass":"RT","deadband":0.5}}`, "float", "21.5")
	f.Add(`{"address":"zmq://cloud:5557"}`, `{"configData":{"topic":"{device}","onChange":"true","maxAge":"5s"}}`, "int", "18446744073709551615")
	f.Add(`{"address":1}`, `{"configData":[]}`, "bytes", "\xff")
	f.Add(`{}`, ``, "boolean", "1")
	f.Add(``, `{"configData":{"Topic":"a","topic":{}}}`, "string", "\xff")
	f.Fuzz(func(t *testing.T, method, visitors, dataType, value string) {
		p := &common.DeviceProperty{
			PropertyName: "p", ModelName: "m", Visitors: []byte(visitors),
			PushMethod: common.PushMethodConfig{MethodName: common.PushMethodMQTT, MethodConfig: []byte(method)},
		}
		w, err := newWish(p)
		if err != nil {
			return
		}
		_, _ = uplinkAt(w.mqtt.Address, "")
		spec, err := w.spec(mapper.Key{Namespace: "default", Name: "d"}, dataType)
		if err != nil {
			return
		}
		typ := spec.Properties[0].Point.Type
		if got, err := parse(typ, value); err == nil && !typ.Holds(got) {
			t.Errorf("%s %q became %T %v", typ, value, got, got)
		}
	})
}
