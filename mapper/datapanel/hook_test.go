package datapanel

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/kubeedge/mapper-framework/pkg/common"
	"k8s.io/klog/v2/ktesting"

	"datastub/dataplane"
)

// capture makes a hook log into a buffer.
func capture(t *testing.T, h *Hook) (log func() string) {
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	h.log = logger
	return func() string { return logger.GetSink().(ktesting.Underlier).GetBuffer().String() }
}

func TestPush(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hook(t, property("temperature", "float", map[string]any{"topic": "{device}/{property}", "qos": "RT"})).
		Push(data("temperature", "string", "21.5"))
	want := []dataplane.Message{{
		Topic: "oven-1/temperature", Namespace: "default", Device: "oven-1", Property: "temperature", Class: dataplane.RT,
		Value: dataplane.FloatValue(21.5), Unit: "u", Time: noon.Local(), Quality: dataplane.Good,
	}}
	if got := b.opened[0].take(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The DeviceModel's type holds; where it gives none, the DataModel's.
func TestPushType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		model, data, text string
		want              dataplane.Value
	}{
		{"INT", "", "1", dataplane.IntValue(1)},
		{"int", "string", "1", dataplane.IntValue(1)},
		{"", "double", "1", dataplane.DoubleValue(1)},
		{"", "STRING", "1", dataplane.StringValue("1")},
		{"boolean", "", "1", dataplane.BooleanValue(true)},
		{"bytes", "", "\xff", dataplane.BytesValue([]byte{0xff})},
		{"", "", "1", dataplane.Value{}},
		{"", "stream", "1", dataplane.Value{}},
		{"", "int8", "1", dataplane.Value{}},
	}
	for _, test := range tests {
		b := newBench(t)
		h := b.hook(t, property("p", test.model, nil))
		h.Push(data("p", test.data, test.text))
		var got dataplane.Value
		if messages := b.opened[0].take(); len(messages) == 1 {
			got = messages[0].Value
		}
		if got != test.want || (h.Refused() > 0) != (test.want == dataplane.Value{}) {
			t.Errorf("model %q, data %q: got %v and %d refused, want %v", test.model, test.data, got, h.Refused(), test.want)
		}
	}
}

// The rules are the mapper's own.
func TestPushRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := b.hook(t, property("p", "int", map[string]any{"onChange": true}))
	silent := b.hook(t, property("q", "int", map[string]any{"publish": "false"}))
	for _, value := range []string{"1", "1", "2", "2", "1"} {
		h.Push(data("p", "", value))
		silent.Push(data("q", "", value))
	}
	got := b.opened[0].take()
	if len(got) != 3 || got[0].Class != dataplane.BT || got[0].Topic != "oven/p" || h.Refused() != 0 {
		t.Errorf("got %+v", got)
	}
}

// A refusal is counted each time, and logged when the reason changes or ends.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := b.hook(t, property("p", "int", nil))
	log := capture(t, h)
	late := data("p", "", "1")
	late.TimeStamp = 0
	for _, d := range []*common.DataModel{
		data("p", "", "warm"), data("p", "", "1.5"), data("q", "", "1"), late, data("p", "", "1"), data("p", "", "2"),
	} {
		h.Push(d)
	}
	b.opened[0].refuse(errors.New("spool is shut"))
	h.Push(data("p", "", "3"))
	b.opened[0].refuse(nil)
	other := data("p", "", "4")
	other.DeviceName = "oven-2"
	h.Push(other)
	if got := b.opened[0].take(); len(got) != 2 {
		t.Errorf("published %+v", got)
	}
	if h.Refused() != 6 {
		t.Errorf("refused %d, want 6", h.Refused())
	}
	if got, want := b.link.tally.Count(dataplane.BT), (dataplane.EdgeCount{Read: 8, Refused: 6, Accepted: 2}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	lines := strings.Split(strings.TrimSpace(log()), "\n")
	for i, want := range []string{
		`value="warm" reason="value is no INT: want a whole number`,
		`value="1" reason="value is of property \"q\": want \"p\"`,
		`reason="TimeStamp 0: want milliseconds since 1970"`,
		`Values are taken again device="default/oven-1" refused=4`,
		`reason="spool is shut"`,
		`reason="value is of device \"default/oven-2\": want \"default/oven-1\"`,
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Fatalf("want line %d with %s, got:\n%s", i, want, log())
		}
	}
	if len(lines) != 6 {
		t.Errorf("want 6 lines, got:\n%s", log())
	}
}

func TestNewRefused(t *testing.T) {
	t.Parallel()
	const path = "spec.properties[p]"
	broker := property("p", "int", nil)
	broker.PushMethod.MethodConfig = []byte(`{"address":"mqtt://broker:1883"}`)
	web := property("p", "int", nil)
	web.PushMethod.MethodName = "http"
	noModel := property("p", "int", nil)
	noModel.ModelName = ""
	broken := property("p", "int", nil)
	broken.Visitors = []byte("{")
	tests := map[string]struct {
		property *common.DeviceProperty
		want     string
	}{
		"another broker": {broker, `pushMethod.mqtt.address "mqtt://broker:1883": want zmq://host:port`},
		"another method": {web, `push method "http": want "mqtt", with an address zmq://…`},
		"topic":          {property("p", "int", map[string]any{"topic": "a//b"}), path + `.visitors.configData.topic: Invalid value: "a//b"`},
		"class":          {property("p", "int", map[string]any{"qosClass": "FAST"}), path + `.visitors.configData.qosClass: Invalid value: "FAST": want one of RT, BT`},
		"deadband":       {property("p", "string", map[string]any{"deadband": 1}), "want a number type: the property is STRING"},
		"type":           {property("p", "int8", nil), `Unsupported value: "INT8"`},
		"stream":         {property("p", "stream", nil), "video streams do not go through the data plane"},
		"no model":       {noModel, "spec.deviceModelRef.name: Required value"},
		"broken visitor": {broken, "visitors: unexpected end of JSON input"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, err := newHook(t.Context(), test.property, b.registry, edge())
			if err == nil || !strings.HasPrefix(err.Error(), `property "p": `) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if len(b.opened) > 0 {
				t.Error("the data plane was opened")
			}
		})
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]bool{
		`{"address":"zmq://cloud:5557","topic":"a"}`: true,
		`{"address":"ZMQ://dataplane"}`:              true,
		`{"address":"zmq://wrong"}`:                  true, // New tells what is wrong
		`{"address":"mqtt://broker:1883"}`:           false,
		`{}`:                                         false,
		``:                                           false,
	} {
		p := property("p", "int", nil)
		p.PushMethod.MethodConfig = []byte(config)
		if got := Asked(p); got != want {
			t.Errorf("%s: got %v, want %v", config, got, want)
		}
	}
}

// The end of the device's context closes its hooks.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	h, err := newHook(ctx, property("p", "int", nil), b.registry, edge())
	if err != nil {
		t.Fatal(err)
	}
	h.Push(data("p", "", "1"))
	cancel()
	eventually(t, "the hook is closed", func() bool {
		h.Push(data("p", "", "2"))
		return h.Refused() > 0
	})
	h.Close() // again
	if b.link.hooks != 0 || len(b.owners) != 0 {
		t.Errorf("the registry has %d hooks and %d addresses", b.link.hooks, len(b.owners))
	}
}

// Many devices at once, each in its goroutine, share the publisher.
func TestConcurrentHooks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var pushing sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		pushing.Go(func() {
			h, err := newHook(t.Context(), property(name, "int", nil), b.registry, edge())
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Close()
			for range 100 {
				h.Push(data(name, "", "1"))
			}
		})
	}
	pushing.Wait()
	if len(b.opened) != 1 || len(b.opened[0].take()) != 400 {
		t.Errorf("%d publishers, the first not with 400 messages", len(b.opened))
	}
}
