package mapper

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A Size is a number of bytes. As text it is Kubernetes' quantity: 262144,
// 256Ki, 1Gi.
type Size int64

// UnmarshalText reads a quantity of whole bytes.
func (s *Size) UnmarshalText(text []byte) error {
	q, err := resource.ParseQuantity(string(text))
	if err != nil {
		return fmt.Errorf("want a size in bytes such as 262144, 256Ki or 1Gi")
	}
	n, whole := q.AsInt64()
	if !whole || n < 0 {
		return fmt.Errorf("want a size of whole bytes, 0 or more, such as 256Ki or 1Gi")
	}
	*s = Size(n)
	return nil
}

// String returns the shortest quantity of the same size.
func (s Size) String() string { return resource.NewQuantity(int64(s), resource.BinarySI).String() }
