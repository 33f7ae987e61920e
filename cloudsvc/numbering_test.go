package cloudsvc

import (
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
)

// A publisher of more series than are kept begins them anew, and higher.
func TestNumberingForgetsSeries(t *testing.T) {
	t.Parallel()
	n, err := newNumbering("http/me", 1000, nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]uint64)
	for round := range 3 {
		for k := range 501 {
			m := []dataplane.Message{httpMessage(dataplane.RT, fmt.Sprintf("topic/%d", k*(round+1)))}
			n.commit(n.number(m))
			if m[0].Seq <= series[m[0].Topic] {
				t.Fatalf("%s: %d came behind %d", m[0].Topic, m[0].Seq, series[m[0].Topic])
			}
			series[m[0].Topic] = m[0].Seq
		}
	}
	if len(n.series) > 1000 {
		t.Errorf("%d series are kept, want 1000 at most", len(n.series))
	}
}
