package cloudsvc

import (
	"fmt"
	"testing"

	"datastub/dataplane"
)

// TestTopicNamesForget has more names than are kept: the newest are known, and
// what is not known may match.
func TestTopicNamesForget(t *testing.T) {
	t.Parallel()
	var names topicNames
	learn := func(key topicKey, from, n int) {
		b := &storedBlock{}
		for i := range n {
			b.messages = append(b.messages, testMessage(fmt.Sprintf("t/%d", from+i)))
		}
		names.add(b, key)
	}
	first, last := topicKey{1}, topicKey{2}
	learn(first, 0, maxTopicNames+1)
	learn(last, 0, 10)
	filter, _ := dataplane.ParseFilter("other")
	for _, test := range []struct {
		key  topicKey
		name int
		want bool
	}{
		{first, 0, true}, // forgotten
		{first, maxTopicNames, false},
		{last, 0, false},
		{last, 10, true}, // not met
	} {
		m := testMessage(fmt.Sprintf("t/%d", test.name))
		b := &Block{Key: test.key, Topics: []uint64{test.key.hash(m.Namespace, m.Topic)}}
		if got := names.mayMatch(b, filter); got != test.want {
			t.Errorf("%s of key %d: got %v, want %v", m.Topic, test.key[0], got, test.want)
		}
	}
	if n := len(names.names) + len(names.older); n > maxTopicNames {
		t.Errorf("%d names are kept, want %d at most", n, maxTopicNames)
	}
}
