package hostile

import (
	"encoding/base64"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"datastub/hack/stack"
)

// TestCloudDescriptors asks for more connections than cloudsvc may have file
// descriptors. Those that are too many are shut; the log has its own.
func TestCloudDescriptors(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	publisher := dial(t, s.HTTP)
	const limit = 256
	if err := unix.Prlimit(s.Cloudsvc.ID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
		t.Fatal(err)
	}
	leaveUplink, leaveHTTP := connect(t, s.Uplink, 2*limit, ""), connect(t, s.HTTP, 2*limit, "")
	s.flows("among too many connections")
	noise := make([]byte, 700<<10)
	random := rand.NewChaCha8([32]byte{})
	for range 20 { // the log needs files
		_, _ = random.Read(noise)
		text := base64.StdEncoding.EncodeToString(noise)
		publisher.send(post("/publish", `{"topic":"a","type":"bytes","value":"`+text+`"}`)).want(202, "ids")
	}
	leaveUplink()
	leaveHTTP()
	letIn(t, s.Uplink, "newcomer/mapper")
	stack.Eventually(t, "HTTP is answered", func() bool {
		c := http.Client{Timeout: time.Second}
		defer c.CloseIdleConnections()
		resp, err := c.Get(s.URL() + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.holds(700)
}
