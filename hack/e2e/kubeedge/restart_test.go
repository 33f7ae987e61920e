package kubeedge

import (
	"fmt"
	"path/filepath"
	"testing"

	"datastub/hack/kubeedge"
	"datastub/hack/stack"
)

// TestRestarts kills KubeEdge's components and the mapper in turn: values flow
// while KubeEdge is away, of those that were accepted none is missing, and twins
// show them again.
func TestRestarts(t *testing.T) {
	s := stack.New(t)
	sub := s.Subscribe("#")
	m := s.StartEdgeMapper(kubeedge.Node, cluster.DMI, fmt.Sprintf("  spool: {dir: %s, maxBytes: 64Mi, sync: 1s}", filepath.Join(t.TempDir(), "spool")))
	apply(t, counters("steady"))
	flows := func(when string) {
		t.Helper()
		n := len(sub.Messages("steady"))
		eventually(t, "values "+when, func() bool { return len(sub.Messages("steady")) > n+40 })
	}
	shows := func(when string) {
		t.Helper()
		awaitTwin(t, "another twin "+when, "steady", "fast")
	}
	flows("at the start")
	shows("at the start")
	for _, c := range []*kubeedge.Component{cluster.Edgecore, cluster.Cloudcore, cluster.APIServer} {
		restart(t, c, func() { flows("without " + c.Name) })
		flows("with " + c.Name + " again")
		shows("with " + c.Name + " again")
	}
	stack.CheckUnbroken(t, "subscriber", sub.Messages("steady"))
	m.Kill()
	m.Restart()
	flows("of a mapper that was killed")
	m.Kill()
	restart(t, cluster.Edgecore, func() { m.Restart() })
	flows("of a mapper that was there before edgecore")
	shows("of a mapper that was there before edgecore")
	m.Stop()
	eventually(t, "all is proven", func() bool { return stack.Command("datastub", "verify", "--server", s.URL()).Run() == nil })
}
