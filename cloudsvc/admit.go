package cloudsvc

import (
	"fmt"
	"strings"

	"datastub/dataplane"
)

// admit returns why a publisher may not come by the uplink, nil if it may. A
// mapper whose node has the name of one that cloudsvc itself numbers would
// share the epochs, and so the ids, of somebody else's messages.
func admit(f *dataplane.Hello) *dataplane.Refuse {
	if !isNumbered(f.Publisher) {
		return nil
	}
	node, _, _ := strings.Cut(f.Publisher, "/")
	return &dataplane.Refuse{
		Code: dataplane.RefuseUnauthorized,
		Text: fmt.Sprintf("publisher %q: the node %s is for %s; give the mapper's node another name", f.Publisher, node, numberedNodes[node]),
	}
}
