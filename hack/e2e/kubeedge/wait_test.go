package kubeedge

import (
	"testing"
	"time"

	"datastub/hack/poll"
)

// changeLimit is how long a change may take through KubeEdge, which waits for 10 s
// where an event overtakes another, and loses calls: those come with the mapper's
// next registration, a minute later.
const changeLimit = 2 * time.Minute

// unlistedLimit is how long a device may run on that EdgeCore lists no more: one
// that was deleted where KubeEdge loses the call for it, or changed to what
// EdgeCore cannot hand over. The mapper finds out at the next registration, after
// a minute and some, and removes it when none has listed it for a minute more.
const unlistedLimit = 4 * time.Minute

// eventually waits for what comes by way of KubeEdge.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.Within(t, changeLimit, what, ok)
}
