package cloudsvc

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"datastub/dataplane/rest"
)

// testClock is a clock that stands still until it is moved.
type testClock struct{ time.Time }

func (c *testClock) now() time.Time { return c.Time }

func (c *testClock) advance(d time.Duration) { c.Time = c.Add(d) }

func newTestRegistry(options RegistryOptions) (*Registry, *testClock) {
	clock := &testClock{testTime}
	options.Now = clock.now
	return NewRegistry(options), clock
}

// ids lists nodes as "id state".
func ids(nodes []Node) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s %s;", n.ID, n.State)
	}
	return b.String()
}

func TestRegistryLiveness(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{})
	r.Seen("edge-1/mapper", "mapper/1.0")
	r.Published("edge-1/mapper", []string{"a"})
	if _, err := r.Register(Registration{ID: "http-1", Address: new("tcp://192.0.2.1:5556"), Topics: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		after    time.Duration
		what     func()
		all, ofA string
	}{
		{0, func() {}, "edge-1/mapper online;http-1 online;", "edge-1/mapper online;http-1 online;"},
		{30 * time.Second, func() { r.Seen("edge-1/mapper", "") }, "edge-1/mapper online;http-1 online;", "edge-1/mapper online;http-1 online;"},
		{time.Nanosecond, func() {}, "edge-1/mapper online;http-1 offline;", "edge-1/mapper online;"},
		{0, func() { r.Gone("edge-1/mapper") }, "edge-1/mapper offline;http-1 offline;", ""},
		{0, func() { r.Seen("edge-1/mapper", "") }, "edge-1/mapper online;http-1 offline;", "edge-1/mapper online;"},
		{24 * time.Hour, func() {}, "edge-1/mapper offline;", ""},
		{time.Minute, func() {}, "", ""},
		{0, func() { r.Gone("nobody"); r.Published("nobody", []string{"a"}) }, "", ""},
	}
	for i, step := range steps {
		clock.advance(step.after)
		step.what()
		if got := ids(r.Discover("")); got != step.all {
			t.Errorf("step %d: nodes %s, want %s", i, got, step.all)
		}
		if got := ids(r.Producers("a")); got != step.ofA {
			t.Errorf("step %d: producers %s, want %s", i, got, step.ofA)
		}
	}
}

func TestRegistryNode(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{})
	_, err := r.Register(Registration{ID: "edge-1/mapper", Address: new("tcp://192.0.2.1:5556"), Topics: []string{"c", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	r.Published("edge-1/mapper", []string{"b", "a"})
	clock.advance(time.Second)
	node, err := r.Register(Registration{ID: "edge-1/mapper"})
	if err != nil {
		t.Fatal(err)
	}
	want := Node{
		ID: "edge-1/mapper", Kind: KindHTTP, State: Online, Address: "tcp://192.0.2.1:5556", Topics: []string{"a", "b", "c"},
		Registered: testTime, LastSeen: testTime.Add(time.Second),
	}
	if !reflect.DeepEqual(node, want) {
		t.Errorf("after a heartbeat with an id alone\n got %+v\nwant %+v", node, want)
	}
	want.Address, want.Topics = "", []string{"a", "b"}
	if node, _ = r.Register(Registration{ID: "edge-1/mapper", Address: new(""), Topics: []string{}}); !reflect.DeepEqual(node, want) {
		t.Errorf("after address and topics were taken back\n got %+v\nwant %+v", node, want)
	}
	r.Seen("edge-1/mapper", "mapper/1.0")
	want.Kind, want.Software = KindUplink, "mapper/1.0"
	if node = r.Discover("")[0]; !reflect.DeepEqual(node, want) {
		t.Errorf("after a frame\n got %+v\nwant %+v", node, want)
	}
}

// TestRegisterLeavesUplinksAlone has a stranger register under the id of a
// mapper.
func TestRegisterLeavesUplinksAlone(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{})
	r.Seen("edge-1/mapper", "mapper/1.0")
	want := r.Discover("")
	for _, after := range []time.Duration{time.Second, 30 * time.Second} {
		clock.advance(after)
		_, err := r.Register(Registration{ID: "edge-1/mapper", Address: new("tcp://192.0.2.1:5556"), Topics: []string{"a"}})
		if !errors.Is(err, ErrUplinkNode) {
			t.Errorf("Register: %v, want ErrUplinkNode", err)
		}
	}
	want[0].State = Offline
	if got := r.Discover(""); !reflect.DeepEqual(got, want) {
		t.Errorf("nodes\n got %+v\nwant %+v", got, want)
	}
}

func TestRegistryDiscoverByFilter(t *testing.T) {
	r, _ := newTestRegistry(RegistryOptions{})
	r.Seen("edge-1/mapper", "")
	r.Published("edge-1/mapper", []string{"sensor/temperature", "x"})
	for topic, want := range map[string]int{
		"": 1, "x": 1, "sensor/+": 1, "#": 1, "sensor": 0, "+": 1, "+/+/+": 0, "a//b": 0,
	} {
		if got := len(r.Discover(topic)); got != want {
			t.Errorf("Discover(%q): %d nodes, want %d", topic, got, want)
		}
	}
}

func TestRegistryIsBounded(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{MaxNodes: 2, MaxTopics: 2})
	r.Seen("n1", "")
	clock.advance(time.Second)
	r.Seen("n2", "")
	r.Published("n2", []string{"a", "b", "c", "a"})
	r.Seen("n3", "")
	if _, err := r.Register(Registration{ID: "n4"}); !errors.Is(err, ErrRegistryFull) {
		t.Errorf("Register: %v, want ErrRegistryFull", err)
	}
	if got := ids(r.Discover("")); got != "n1 online;n2 online;" {
		t.Errorf("full of nodes online: %s", got)
	}
	clock.advance(30 * time.Second) // n1 is offline now, n2 is not
	r.Seen("n3", "")
	if got := ids(r.Discover("")); got != "n2 online;n3 online;" {
		t.Errorf("one offline made room: %s", got)
	}
	want := `
# HELP datastub_cloudsvc_nodes Known nodes.
# TYPE datastub_cloudsvc_nodes gauge
datastub_cloudsvc_nodes{state="offline"} 0
datastub_cloudsvc_nodes{state="online"} 2
# HELP datastub_cloudsvc_refused_nodes_total Times that a node was not listed because the registry was full.
# TYPE datastub_cloudsvc_refused_nodes_total counter
datastub_cloudsvc_refused_nodes_total 2
# HELP datastub_cloudsvc_forgotten_nodes_total Nodes forgotten, by age or to make room.
# TYPE datastub_cloudsvc_forgotten_nodes_total counter
datastub_cloudsvc_forgotten_nodes_total 1
# HELP datastub_cloudsvc_refused_reports_total Reports of nodes that made no sense.
# TYPE datastub_cloudsvc_refused_reports_total counter
datastub_cloudsvc_refused_reports_total 0
# HELP datastub_cloudsvc_refused_node_topics_total Times that a topic was not listed because its node had as many as may be.
# TYPE datastub_cloudsvc_refused_node_topics_total counter
datastub_cloudsvc_refused_node_topics_total 1
`
	if err := testutil.CollectAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// Names that come and go are let in for a share of those that are offline, the
// longest first, and then once a second.
func TestRegistryMakesRoomInOrder(t *testing.T) {
	const most = 2 * walkShare // so that a walk finds room for 3
	r, clock := newTestRegistry(RegistryOptions{MaxNodes: most})
	for n := range most {
		r.Seen(fmt.Sprintf("old-%02d", n), "")
		clock.advance(time.Millisecond)
	}
	clock.advance(30 * time.Second)
	r.Seen("old-01", "") // it was the second, and is back
	news := 0
	arrive := func() (forgotten []string) {
		before := r.Discover("")
		r.Seen(fmt.Sprintf("new-%02d", news), "")
		news++
		for _, n := range before {
			if r.nodes[n.ID] == nil {
				forgotten = append(forgotten, n.ID)
			}
		}
		return forgotten
	}
	for i, want := range []string{"[old-00]", "[old-02]", "[old-03]", "[]", "[]"} {
		if got := fmt.Sprint(arrive()); got != want {
			t.Errorf("stranger %d: forgotten %s, want %s", i, got, want)
		}
	}
	r.Seen("old-04", "") // it was to be the next
	clock.advance(walkPause)
	if got := fmt.Sprint(arrive()); got != "[old-05]" {
		t.Errorf("a second later: forgotten %s, want old-05", got)
	}
}

// The topics of all nodes are bounded, too: who registered some and left makes
// room for others.
func TestRegistryBoundsAllTopics(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{MaxAllTopics: 4})
	register := func(id string, topics ...string) error {
		_, err := r.Register(Registration{ID: id, Topics: topics})
		return err
	}
	listed := func() string {
		var b strings.Builder
		for _, n := range r.Discover("") {
			fmt.Fprintf(&b, "%s%v", n.ID, n.Topics)
		}
		return b.String()
	}
	steps := []struct {
		what func() error
		err  error
		want string
	}{
		{func() error { return register("a", "1", "2", "3") }, nil, "a[1 2 3]"},
		{func() error { return register("b", "1", "2") }, ErrRegistryFull, "a[1 2 3]"},
		{func() error { return register("b", "1") }, nil, "a[1 2 3]b[1]"},
		{func() error { return register("a", "1", "2", "3") }, nil, "a[1 2 3]b[1]"},
		{func() error { r.Published("b", []string{"2"}); return nil }, nil, "a[1 2 3]b[1]"},
		{func() error { return register("a", "1") }, nil, "a[1]b[1]"},
		{func() error { r.Published("b", []string{"2", "3", "4"}); return nil }, nil, "a[1]b[1 2 3]"},
		{func() error { r.Gone("b"); clock.advance(walkPause); return register("a", "1", "2", "3") }, nil, "a[1 2 3]"},
		{func() error { return register("a") }, nil, "a[1 2 3]"},
		{func() error { r.Gone("a"); clock.advance(walkPause); r.Published("a", []string{"4", "5"}); return nil }, nil, ""},
		{func() error { return register("b", "1", "2", "3", "4") }, nil, "b[1 2 3 4]"},
	}
	for i, step := range steps {
		if err := step.what(); !errors.Is(err, step.err) {
			t.Errorf("step %d: %v, want %v", i, err, step.err)
		}
		if got := listed(); got != step.want {
			t.Errorf("step %d: listed %s, want %s", i, got, step.want)
		}
	}
}

// Only so many are read. One that is, or needs not be, is not refused, and one
// that expired makes room.
func TestRegistryBoundsProducers(t *testing.T) {
	r, clock := newTestRegistry(RegistryOptions{MaxProducers: 2})
	register := func(id, address string) error {
		_, err := r.Register(Registration{ID: id, Address: &address})
		return err
	}
	read := func() []string { return slices.Sorted(maps.Keys(r.places())) }
	if _, err := r.Register(Registration{ID: "http/anonymous"}); err != nil || len(r.registered) > 0 {
		t.Errorf("one without an address, as who publishes over HTTP: %v, or somebody is woken for it", err)
	}
	for _, id := range []string{"a", "b", "b"} {
		if err := register(id, "tcp://192.0.2.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := register("c", "tcp://192.0.2.1:1"); !errors.Is(err, ErrTooManyProducers) {
		t.Errorf("a third: got %v, want ErrTooManyProducers", err)
	}
	if got := ids(r.Discover("")); got != "a online;b online;http/anonymous online;" {
		t.Errorf("after it was refused: got %s", got)
	}
	if err := register("c", ""); err != nil {
		t.Errorf("one without an address: %v", err)
	}
	if err := register("b", "tcp://192.0.2.2:2"); err != nil {
		t.Errorf("one that moves: %v", err)
	}
	clock.advance(20 * time.Second)
	if err := register("b", "tcp://192.0.2.2:2"); err != nil {
		t.Fatal(err)
	}
	clock.advance(20 * time.Second) // a has expired
	if err := register("c", "tcp://192.0.2.1:1"); err != nil {
		t.Errorf("in the place of one that expired: %v", err)
	}
	if got := read(); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("read: got %v, want b and c", got)
	}
	if _, err := r.Register(Registration{ID: "a"}); !errors.Is(err, ErrTooManyProducers) {
		t.Errorf("a heartbeat that is too late: got %v, want ErrTooManyProducers", err)
	}
}

func TestRegistrationProblems(t *testing.T) {
	r, _ := newTestRegistry(RegistryOptions{MaxTopics: 2})
	tests := map[string]struct {
		registration Registration
		field, want  string // empty for none
	}{
		"level":            {Registration{ID: "a"}, "", ""},
		"publisher":        {Registration{ID: "a/b", Address: new("tcp://[2001:db8::1]:1")}, "", ""},
		"three levels":     {Registration{ID: "a/b/c"}, "id", `mapper "b/c" has a "/": it is one level of an address`},
		"no id":            {Registration{}, "id", "id is empty"},
		"address scheme":   {Registration{ID: "a", Address: new("ipc://x")}, "address", `address "ipc://x" is not a tcp:// URL: want tcp://host:port, or nothing`},
		"address path":     {Registration{ID: "a", Address: new("tcp://h:1/x")}, "address", `address "tcp://h:1/x" is not a tcp:// URL: want tcp://host:port, or nothing`},
		"address port":     {Registration{ID: "a", Address: new("tcp://h")}, "address", `address "tcp://h" has no host and port: want tcp://host:port with a port of 1 to 65535`},
		"address port 0":   {Registration{ID: "a", Address: new("tcp://h:0")}, "address", `address "tcp://h:0" has no host and port: want tcp://host:port with a port of 1 to 65535`},
		"address too long": {Registration{ID: "a", Address: new("tcp://" + strings.Repeat("h", 600) + ":1")}, "address", "address is 608 bytes long: the most is 512"},
		"slash":            {Registration{ID: strings.Repeat("i", 200) + "/" + strings.Repeat("d", 60)}, "", ""},
		"id too long":      {Registration{ID: strings.Repeat("i", 200) + "/" + strings.Repeat("d", 60), Address: new("tcp://h:1")}, "id", `mapper "` + strings.Repeat("i", 32) + `"… is 263 bytes long: the most is 256`},
		"wildcard":         {Registration{ID: "a", Topics: []string{"a", "a/#"}}, "topics[1]", `topic "a/#" has '#' at byte 2: wildcards, spaces and control characters are not allowed`},
		"too many topics":  {Registration{ID: "a", Topics: []string{"a", "b", "c"}}, "topics", "3 topics: the most for one node is 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := r.Register(tt.registration)
			var invalid *rest.InvalidError
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0] != (rest.InvalidField{Field: tt.field, Detail: tt.want}) {
				t.Errorf("got %+v, want %s: %s", err, tt.field, tt.want)
			}
		})
	}
}

func TestRegistrationHosts(t *testing.T) {
	label := strings.Repeat("a", 63)
	for host, want := range map[string]bool{
		"192.0.2.7": true, "[2001:db8::7]": true, "[::ffff:192.0.2.7]": true,
		"h": true, "7": false, "7.h": true, "3com.com": true, "line-3.plant": true, "line-3.plant.": true, "LINE": true, "0xh": true, label + ".h": true,
		"127.1": false, "0": false, "*": false, "2130706433": false, "0x7f000001": false, "0x7f.1": false, "127.0.0.0x1": false, "h.0X": false, "1.2.3.4.": false,
		"010.0.0.1": false, "256.1.1.1": false, "1.2.3.4.5": false, "h.1": false,
		"-h": false, "h-": false, "h..h": false, ".": false, ".h": false, "h_1": false, "größe": false, label + "a": false, strings.Repeat("a.", 126) + "h": true, strings.Repeat("a.", 127) + "h": false,
	} {
		err := validateAddress("tcp://" + host + ":5556")
		if (err == nil) != want {
			t.Errorf("%s: got %v, want allowed %v", host, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "want") && !strings.Contains(err.Error(), "neither an IP address") {
			t.Errorf("%s: got %v, want what would be right", host, err)
		}
	}
	_, err := NewRegistry(RegistryOptions{}).Register(Registration{ID: "a", Address: new("tcp://127.1:5556")})
	if err == nil || !strings.Contains(err.Error(), `host "127.1" is neither an IP address, as 192.0.2.7 or [2001:db8::7], nor a DNS name`) {
		t.Errorf("got %v, want the host and what would be right", err)
	}
}

func BenchmarkRegistryPublished(b *testing.B) {
	r := NewRegistry(RegistryOptions{})
	r.Seen("edge-1/mapper", "")
	topics := []string{"sensor/temperature", "sensor/pressure"}
	for b.Loop() {
		r.Seen("edge-1/mapper", "")
		r.Published("edge-1/mapper", topics)
	}
}

// BenchmarkRegistryStrangers is of names that come and go while the registry
// is full.
func BenchmarkRegistryStrangers(b *testing.B) {
	r, clock := newTestRegistry(RegistryOptions{})
	n := 0
	stranger := func() {
		clock.advance(time.Microsecond)
		id := fmt.Sprintf("edge-%d/mapper", n)
		r.Seen(id, "")
		r.Gone(id)
		n++
	}
	for range r.options.MaxNodes {
		stranger()
	}
	for b.Loop() {
		stranger()
	}
}
