package kubeedge

import (
	"context"
	"fmt"
	"strings"
	"testing"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// TestKubeEdgeCalls: what edgecore calls as a device comes, changes and goes. The
// model goes before its last device.
func TestKubeEdgeCalls(t *testing.T) {
	p := newProbe(t, "calls", "calls")
	p.register()
	text := probed("called", "calls", "")
	apply(t, text)
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "called") })
	change(t, probed("called", "calls", "wanted"))
	eventually(t, "the device is updated", func() bool { return p.has("UpdateDevice", "called") })
	remove(t, text)
	eventually(t, "the device is removed", func() bool { return p.has("RemoveDevice", "called") })
	got := fmt.Sprint(p.called(""))
	if want := "[CreateDeviceModel called-model RegisterDevice called UpdateDevice called RemoveDeviceModel called-model RemoveDevice called]"; got != want {
		t.Errorf("calls: got %s, want %s", got, want)
	}
}

// TestKubeEdgeNumbers: every number of configData arrives as a float32.
func TestKubeEdgeNumbers(t *testing.T) {
	p := newProbe(t, "numbers", "numbers")
	p.register()
	apply(t, probed("numbered", "numbers", ""))
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "numbered") })
	var got wrapperspb.FloatValue
	offset := p.called("numbered")[0].Device.GetSpec().GetProperties()[0].GetVisitors().GetConfigData().GetData()["offset"]
	if err := offset.UnmarshalTo(&got); err != nil || got.Value != 16777216 {
		t.Errorf("16777217 arrives as %v (%v), want a FloatValue of 16777216", offset, err)
	}
}

// TestKubeEdgeLongValue: a desired value of 10,000 characters arrives whole.
func TestKubeEdgeLongValue(t *testing.T) {
	p := newProbe(t, "long", "long")
	p.register()
	long := strings.Repeat("0123456789", 1000)
	apply(t, probed("long", "long", long))
	eventually(t, "the device is registered", func() bool { return p.has("RegisterDevice", "long") })
	if got := p.called("long")[0].Device.GetSpec().GetProperties()[0].GetDesired().GetValue(); got != long {
		t.Errorf("a desired value of %d characters arrives with %d", len(long), len(got))
	}
}

// TestKubeEdgeWithoutData: a mapper that registers and does not ask for data is
// never called.
func TestKubeEdgeWithoutData(t *testing.T) {
	silent, asking := newProbe(t, "silent", "silent"), newProbe(t, "asking", "asking")
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if _, err := silent.client.MapperRegister(ctx, &pb.MapperRegisterRequest{Mapper: silent.info}); err != nil {
		t.Fatal(err)
	}
	asking.register()
	apply(t, probed("unheard", "silent", ""))
	apply(t, probed("heard", "asking", ""))
	eventually(t, "the device behind it is registered", func() bool { return asking.has("RegisterDevice", "heard") })
	if got := silent.called(""); len(got) != 0 {
		t.Errorf("calls of a mapper without data: got %v, want none", got)
	}
}
