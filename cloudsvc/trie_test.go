package cloudsvc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"datastub/dataplane"
)

// TestTrieAgreesWithMatch adds, removes and matches at random, with
// dataplane.Filter.Match as the oracle. Few names make many matches.
func TestTrieAgreesWithMatch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	filterLevels := []string{"a", "b", "c", "+", "#", "$s"}
	topicLevels := []string{"a", "b", "c", "d", "$s"}
	var topics trie
	live := make(map[*Subscription]dataplane.Filter)
	for step := range 20_000 {
		switch random.IntN(4) {
		case 0:
			f, err := dataplane.ParseFilter(randomName(random, filterLevels))
			if err != nil {
				continue // "#" in the middle
			}
			s := &Subscription{filter: f}
			live[s] = f
			topics.add(f, s)
		case 1:
			for s, f := range live { // any one
				topics.remove(f, s)
				delete(live, s)
				break
			}
		default:
			topic := randomName(random, topicLevels)
			if got, want := filters(topics.match(topic, nil)), matching(live, topic); !slices.Equal(got, want) {
				t.Fatalf("step %d: %q matches %q, want %q", step, topic, got, want)
			}
		}
	}
	for s, f := range live {
		topics.remove(f, s)
	}
	if n := len(topics.root.children) + len(topics.root.here) + len(topics.root.rest); n != 0 {
		t.Errorf("%d entries are left when all is removed", n)
	}
}

func randomName(random *rand.Rand, levels []string) string {
	name := make([]string, 1+random.IntN(4))
	for i := range name {
		name[i] = levels[random.IntN(len(levels))]
	}
	return strings.Join(name, "/")
}

func filters(found []*Subscription) []string {
	var names []string
	for _, s := range found {
		names = append(names, fmt.Sprintf("%v %p", s.filter, s))
	}
	slices.Sort(names)
	return names
}

func matching(live map[*Subscription]dataplane.Filter, topic string) []string {
	var found []*Subscription
	for s, f := range live {
		if f.Match(topic) {
			found = append(found, s)
		}
	}
	return filters(found)
}

func TestTrieRemoveUnknown(t *testing.T) {
	var topics trie
	f, err := dataplane.ParseFilter("a/b/#")
	if err != nil {
		t.Fatal(err)
	}
	s := &Subscription{filter: f}
	topics.remove(f, s)
	topics.add(f, s)
	topics.remove(f, &Subscription{filter: f})
	if got := topics.match("a/b/c", nil); len(got) != 1 || got[0] != s {
		t.Errorf("match: %v, want the one subscription", got)
	}
}

// BenchmarkTrieMatch finds the two subscriptions of a topic, one by a
// wildcard, among many others.
func BenchmarkTrieMatch(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			var topics trie
			for _, text := range []string{"hall-07/boiler/sensor-01", "hall-07/+/sensor-01"} {
				addFilter(b, &topics, text)
			}
			for n := range others {
				addFilter(b, &topics, fmt.Sprintf("hall-%02d/boiler/sensor-%d", n%100, n+100))
			}
			var found []*Subscription
			b.ReportAllocs()
			for b.Loop() {
				found = topics.match("hall-07/boiler/sensor-01", found[:0])
			}
			if len(found) != 2 {
				b.Fatalf("%d matches, want 2", len(found))
			}
		})
	}
}

func addFilter(b *testing.B, topics *trie, text string) {
	b.Helper()
	f, err := dataplane.ParseFilter(text)
	if err != nil {
		b.Fatal(err)
	}
	topics.add(f, &Subscription{filter: f})
}
