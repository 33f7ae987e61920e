package dmi

import (
	"fmt"
	"math"
	"strconv"

	"github.com/kubeedge/mapper-framework/pkg/common"
	"google.golang.org/protobuf/types/known/anypb"
)

// scalarsOf unpacks configData. What cannot be taken is an error in the value's
// place, which Merge tells with its key.
func scalarsOf(data map[string]*anypb.Any) map[string]any {
	scalars := make(map[string]any, len(data))
	for key, packed := range data {
		value, err := scalarOf(packed)
		if err != nil {
			value = err
		}
		scalars[key] = value
	}
	return scalars
}

// scalarOf unpacks a text, a boolean or a number.
func scalarOf(packed *anypb.Any) (any, error) {
	value, err := common.DecodeAnyValue(packed)
	if err != nil {
		return nil, fmt.Errorf("EdgeCore gives it as %.64q, which cannot be read: want a string, a number or a boolean", packed.GetTypeUrl())
	}
	switch v := value.(type) {
	case string, bool, int64:
		return v, nil
	case int32:
		return int64(v), nil
	case float32:
		return decimal(v)
	}
	return nil, fmt.Errorf("EdgeCore gives it as a %T: want a string, a number or a boolean", value)
}

// exact is the first whole number that a float32 cannot tell from the next one.
const exact = 1 << 24

// decimal returns the number that was written in the CR, which EdgeCore makes a
// float32 of: 0.1, and not 0.10000000149. Where the float32 may be another
// number than was written there is an error.
func decimal(v float32) (any, error) {
	wide := float64(v)
	if math.Abs(wide) >= exact && wide == math.Trunc(wide) && !math.IsInf(wide, 0) {
		return nil, fmt.Errorf("EdgeCore keeps 24 bits of a number, and has made it %.0f: want it in quotes", wide)
	}
	number, err := strconv.ParseFloat(strconv.FormatFloat(wide, 'g', -1, 32), 64)
	if err != nil {
		return nil, fmt.Errorf("%v: want a number", v)
	}
	return number, nil
}
