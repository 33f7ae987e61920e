package cloudsvc

import (
	"maps"
	"slices"
	"strings"

	"datastub/dataplane"
)

// trie finds the subscriptions whose filter matches a topic, at a cost that
// grows with the matches and the topic's levels, not with the subscriptions.
// It is not safe for concurrent use.
type trie struct{ root trieNode }

type trieNode struct {
	children map[string]*trieNode       // by literal level, "+" among them
	here     map[*Subscription]struct{} // filters that end at this level
	rest     map[*Subscription]struct{} // filters that end here with "#"
}

func (t *trie) add(f dataplane.Filter, s *Subscription) {
	n := &t.root
	for _, level := range f.Levels() {
		if level == "#" {
			n.rest = addTo(n.rest, s)
			return
		}
		if n.children == nil {
			n.children = make(map[string]*trieNode)
		}
		child := n.children[level]
		if child == nil {
			child = &trieNode{}
			n.children[level] = child
		}
		n = child
	}
	n.here = addTo(n.here, s)
}

func addTo(set map[*Subscription]struct{}, s *Subscription) map[*Subscription]struct{} {
	if set == nil {
		set = make(map[*Subscription]struct{})
	}
	set[s] = struct{}{}
	return set
}

// remove takes a subscription out, and the nodes that it leaves empty.
func (t *trie) remove(f dataplane.Filter, s *Subscription) { t.root.remove(f.Levels(), s) }

func (n *trieNode) remove(levels []string, s *Subscription) {
	switch {
	case len(levels) == 0:
		delete(n.here, s)
	case levels[0] == "#":
		delete(n.rest, s)
	default:
		child := n.children[levels[0]]
		if child == nil {
			return
		}
		child.remove(levels[1:], s)
		if len(child.children)+len(child.here)+len(child.rest) == 0 {
			delete(n.children, levels[0])
		}
	}
}

// all appends to found every subscription.
func (t *trie) all(found []*Subscription) []*Subscription { return t.root.all(found) }

func (n *trieNode) all(found []*Subscription) []*Subscription {
	found = slices.AppendSeq(found, maps.Keys(n.here))
	found = slices.AppendSeq(found, maps.Keys(n.rest))
	for _, child := range n.children {
		found = child.all(found)
	}
	return found
}

// match appends to found the subscriptions whose filter matches the topic,
// each once.
func (t *trie) match(topic string, found []*Subscription) []*Subscription {
	n := &t.root
	if strings.HasPrefix(topic, "$") {
		// Wildcards at the first level do not match what begins with "$".
		level, rest, more := strings.Cut(topic, "/")
		if n = n.children[level]; n == nil {
			return found
		}
		return n.matchRest(rest, more, found)
	}
	return n.match(topic, found)
}

func (n *trieNode) match(topic string, found []*Subscription) []*Subscription {
	for s := range n.rest {
		found = append(found, s)
	}
	level, rest, more := strings.Cut(topic, "/")
	if child := n.children[level]; child != nil {
		found = child.matchRest(rest, more, found)
	}
	if child := n.children["+"]; child != nil {
		found = child.matchRest(rest, more, found)
	}
	return found
}

// matchRest goes on below a level that matched.
func (n *trieNode) matchRest(rest string, more bool, found []*Subscription) []*Subscription {
	if more {
		return n.match(rest, found)
	}
	for s := range n.here {
		found = append(found, s)
	}
	for s := range n.rest { // "a/#" matches "a" too
		found = append(found, s)
	}
	return found
}
