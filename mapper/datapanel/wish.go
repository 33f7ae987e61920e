package datapanel

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"github.com/kubeedge/mapper-framework/pkg/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"datastub/dataplane"
	"datastub/mapper"
)

// A wish is what a property of a CR says about the data plane, put back from
// the framework's form of it into the CR's, so that mapper.Merge reads it as
// it reads the CRs of our own mapper.
type wish struct {
	model    string
	property v1beta1.ModelProperty
	visitors v1beta1.VisitorConfig
	mqtt     v1beta1.PushMethodMQTT
	class    dataplane.Class // of its values, once checked
}

func newWish(p *common.DeviceProperty) (*wish, error) {
	mqtt, err := pushMethod(p)
	if err != nil {
		return nil, err
	}
	w := &wish{model: p.ModelName, mqtt: mqtt}
	if len(p.Visitors) > 0 {
		if err := json.Unmarshal(p.Visitors, &w.visitors); err != nil {
			return nil, fmt.Errorf("visitors: %w", err)
		}
	}
	w.property = v1beta1.ModelProperty{
		Name:       p.PropertyName,
		Type:       propertyType(p.PProperty.DataType),
		Unit:       p.PProperty.Unit,
		AccessMode: v1beta1.ReadOnly, // nothing is written by the data plane
	}
	return w, nil
}

// pushMethod returns a property's push method, which is MQTT's.
func pushMethod(p *common.DeviceProperty) (mqtt v1beta1.PushMethodMQTT, err error) {
	if p.PushMethod.MethodName != common.PushMethodMQTT {
		return mqtt, fmt.Errorf("push method %.64q: want %q, with an address zmq://…", p.PushMethod.MethodName, common.PushMethodMQTT)
	}
	err = json.Unmarshal(p.PushMethod.MethodConfig, &mqtt)
	return mqtt, named("pushMethod.mqtt", err)
}

// propertyType returns a type in the CR's spelling: generated mappers turn it
// into lower case.
func propertyType(text string) v1beta1.PropertyType {
	return v1beta1.PropertyType(strings.ToUpper(text))
}

// check tells what is wrong with a wish before its device is known: with any,
// and with a type that takes every rule where the model gives none.
func (w *wish) check() error {
	spec, err := w.spec(mapper.Key{Namespace: "default", Name: "device"}, "DOUBLE")
	if err != nil {
		return err
	}
	w.class = spec.Properties[0].Rules.Class
	return nil
}

// spec returns the device of that name with the one property, of a type that
// holds where the model gives none.
func (w *wish) spec(key mapper.Key, dataType string) (*mapper.Spec, error) {
	property := w.property
	if property.Type == "" {
		property.Type = propertyType(dataType)
	}
	const protocol = "generated" // the mapper's own affair
	model := &v1beta1.DeviceModel{
		ObjectMeta: metav1.ObjectMeta{Name: w.model, Namespace: key.Namespace},
		Spec:       v1beta1.DeviceModelSpec{Protocol: protocol, Properties: []v1beta1.ModelProperty{property}},
	}
	device := &v1beta1.Device{
		ObjectMeta: metav1.ObjectMeta{Name: key.Name, Namespace: key.Namespace},
		Spec: v1beta1.DeviceSpec{
			DeviceModelRef: &corev1.LocalObjectReference{Name: w.model},
			Protocol:       v1beta1.ProtocolConfig{ProtocolName: protocol},
			Properties: []v1beta1.DeviceProperty{{
				Name:       property.Name,
				Visitors:   w.visitors,
				PushMethod: &v1beta1.PushMethod{MQTT: &w.mqtt},
			}},
		},
	}
	spec, faults := mapper.Merge(device, model, mapper.DefaultRules())
	var errs []error
	for _, fault := range faults {
		errs = append(errs, fault)
	}
	return spec, utilerrors.NewAggregate(errs)
}
