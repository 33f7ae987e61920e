package mapper

import (
	"errors"
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A Size is a number of bytes. As text it is Kubernetes' quantity: 262144,
// 256Ki, 1Gi.
type Size int64

// quantity is what a size looks like. It bounds what ParseQuantity is given,
// which takes seconds for 1e-9999999.
var quantity = regexp.MustCompile(`^\+?[0-9]{1,19}(\.[0-9]{1,19})?([kMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?$`)

var errSize = errors.New("want a size in bytes such as 262144, 256Ki or 1Gi")

// UnmarshalText reads a quantity of whole bytes.
func (s *Size) UnmarshalText(text []byte) error {
	if !quantity.Match(text) {
		return errSize
	}
	q, err := resource.ParseQuantity(string(text))
	if err != nil {
		return errSize
	}
	n := q.Value() // rounded
	if n < 0 || q.CmpInt64(n) != 0 {
		return fmt.Errorf("want a size of whole bytes, 0 or more, such as 256Ki or 1Gi")
	}
	*s = Size(n)
	return nil
}

// String returns the shortest quantity of the same size.
func (s Size) String() string { return resource.NewQuantity(int64(s), resource.BinarySI).String() }
