package dmi

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestScalarOf(t *testing.T) {
	t.Parallel()
	const quotes = ": want it in quotes"
	tests := map[string]struct {
		packed proto.Message
		want   any // an error's text if it is one
		wrong  bool
	}{
		"text":                            {wrapperspb.String("a b"), "a b", false},
		"a boolean":                       {wrapperspb.Bool(true), true, false},
		"a number":                        {wrapperspb.Float(502), 502.0, false},
		"a decimal, as it was written":    {wrapperspb.Float(0.1), 0.1, false},
		"a small one":                     {wrapperspb.Float(-1e-7), -1e-7, false},
		"the largest that is whole":       {wrapperspb.Float(16777215), 16777215.0, false},
		"one that may have been rounded":  {wrapperspb.Float(16777216), "EdgeCore keeps 24 bits of a number, and has made it 16777216" + quotes, true},
		"a negative one":                  {wrapperspb.Float(-20000000), "EdgeCore keeps 24 bits of a number, and has made it -20000000" + quotes, true},
		"infinity":                        {wrapperspb.Float(float32(math.Inf(1))), math.Inf(1), false},
		"a whole number":                  {wrapperspb.Int32(-7), int64(-7), false},
		"a long one":                      {wrapperspb.Int64(math.MaxInt64), int64(math.MaxInt64), false},
		"bytes":                           {wrapperspb.Bytes(nil), `EdgeCore gives it as "type.googleapis.com/google.protobuf.BytesValue", which cannot be read: want a string, a number or a boolean`, true},
		"a map":                           {&structpb.Struct{}, `EdgeCore gives it as "type.googleapis.com/google.protobuf.Struct", which cannot be read: want a string, a number or a boolean`, true},
		"what is no message of the world": {&anypb.Any{}, `EdgeCore gives it as "type.googleapis.com/google.protobuf.Any", which cannot be read: want a string, a number or a boolean`, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := scalarOf(pack(t, test.packed))
			switch {
			case test.wrong && (err == nil || err.Error() != test.want):
				t.Errorf("got  %v, %v\nwant %v", got, err, test.want)
			case !test.wrong && (err != nil || got != test.want):
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestScalarOfNothing(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string]*anypb.Any{
		"nothing":      nil,
		"no type":      {},
		"torn":         {TypeUrl: "type.googleapis.com/google.protobuf.StringValue", Value: []byte{10, 200}},
		"of this API":  {TypeUrl: "type.googleapis.com/v1beta1.Device"},
		"unknown type": {TypeUrl: "a/b.C"},
	} {
		if got, err := scalarOf(packed); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
