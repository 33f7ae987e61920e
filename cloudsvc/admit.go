package cloudsvc

import (
	"fmt"
	"strings"

	"datastub/dataplane"
)

// admit returns why a publisher may not come by the uplink, nil if it may. The
// node "http" is for what is published over HTTP: a mapper of that name would
// share the epochs, and so the ids, of somebody else's messages.
func admit(f *dataplane.Hello) *dataplane.Refuse {
	if !strings.HasPrefix(f.Publisher, httpNode+"/") {
		return nil
	}
	return &dataplane.Refuse{
		Code: dataplane.RefuseUnauthorized,
		Text: fmt.Sprintf("publisher %q: the node %s is for what is published over HTTP; give the mapper's node another name", f.Publisher, httpNode),
	}
}
