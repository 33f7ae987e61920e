package datapanel

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/kubeedge/mapper-framework/pkg/common"
	"go.uber.org/goleak"

	"datastub/dataplane"
	"datastub/mapper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A recorder is a publisher that keeps the messages, until fail or its context
// ends it.
type recorder struct {
	fail chan error
	hold chan struct{} // what it waits for when it ends; nil: nothing

	mu       sync.Mutex
	messages []dataplane.Message
	refusal  error
}

func (r *recorder) Publish(messages []dataplane.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusal == nil {
		r.messages = append(r.messages, messages...)
	}
	return r.refusal
}

func (r *recorder) Run(ctx context.Context) error {
	select {
	case err := <-r.fail:
		return err
	case <-ctx.Done():
	}
	if r.hold != nil {
		<-r.hold
	}
	return nil
}

func (r *recorder) Undelivered() int { return 0 }
func (r *recorder) Dropped() int     { return 0 }
func (r *recorder) LANDropped() int  { return 0 }

// take returns the messages so far and forgets them.
func (r *recorder) take() []dataplane.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	messages := r.messages
	r.messages = nil
	return messages
}

func (r *recorder) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = err
}

// A bench is a registry of recorders.
type bench struct {
	*registry
	opened []*recorder // one for each time that the registry opened one
}

func newBench(t *testing.T) *bench {
	b := &bench{}
	b.registry = newRegistry(func(settings, *mapper.Tally) (publisher, error) {
		b.opened = append(b.opened, &recorder{fail: make(chan error)})
		return b.opened[len(b.opened)-1], nil
	})
	t.Cleanup(func() { _ = b.close() })
	return b
}

// property returns a property as the framework's parser makes it: a push
// method zmq://dataplane, a visitor with configData, and what the model says.
func property(name, dataType string, configData map[string]any) *common.DeviceProperty {
	visitors, err := json.Marshal(map[string]any{"protocolName": "oven", "configData": configData})
	if err != nil {
		panic(err)
	}
	return &common.DeviceProperty{
		Name: name, PropertyName: name, ModelName: "oven", Visitors: visitors,
		PushMethod: common.PushMethodConfig{MethodName: "mqtt", MethodConfig: json.RawMessage(`{"address":"zmq://dataplane"}`)},
		PProperty:  common.ModelProperty{Name: name, DataType: dataType, Unit: "u"},
	}
}

// hook returns a hook on the bench.
func (b *bench) hook(t *testing.T, p *common.DeviceProperty) *Hook {
	t.Helper()
	h, err := newHook(t.Context(), p, b.registry, edge())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// data is a value of device default/oven-1 at noon, as the template makes it.
func data(property, dataType, value string) *common.DataModel {
	return common.NewDataModel("oven-1", property, "default",
		common.WithType(dataType), common.WithValue(value), common.WithTimeStamp(noon.UnixMilli()))
}
