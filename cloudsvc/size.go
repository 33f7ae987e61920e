package cloudsvc

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errSize = errors.New("want a size in bytes such as 262144, 256Ki or 1Gi")

// ParseSize reads a number of bytes, whole, with Ki, Mi, Gi or Ti behind it or
// without.
func ParseSize(text string) (int64, error) {
	digits, shift := text, 0
	if end := len(text) - len("Ki"); end > 0 {
		if unit := strings.Index("KiMiGiTi", text[end:]); unit >= 0 && unit%len("Ki") == 0 {
			digits, shift = text[:end], 10*(unit/len("Ki")+1)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errSize
	}
	return int64(n) << shift, nil
}
