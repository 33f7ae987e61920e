package cloudsvc

import (
	"hash/fnv"
	"sync"
)

// cursorPartitions is over how many records the cursors are spread: one that
// moves has but a part of them written again.
const cursorPartitions = 64

// partitionOf returns the partition of a hook's cursor.
func partitionOf(id string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id))
	return int(hash.Sum32() % cursorPartitions)
}

// movedHooks are the ids of hooks whose cursors are not as they were read last, by
// partition: what is written costs what has moved, and not what there is. Many
// may add at once.
type movedHooks [cursorPartitions]struct {
	mu     sync.Mutex
	ids    map[string]struct{}
	urgent bool // somebody waits for one of them to be stored
}

// add adds one.
func (m *movedHooks) add(id string, urgent bool) {
	p := &m[partitionOf(id)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[string]struct{})
	}
	p.ids[id] = struct{}{}
	p.urgent = p.urgent || urgent
}

// take returns those of a partition, none where only what is urgent is wanted and
// nobody waits. What is added from now on is in the next answer.
func (m *movedHooks) take(partition int, urgent bool) map[string]struct{} {
	p := &m[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	if urgent && !p.urgent {
		return nil
	}
	ids := p.ids
	p.ids, p.urgent = nil, false
	return ids
}

// moved has the cursor of a hook written soon.
func (h *Hooks) moved(id string) { h.movedHooks.add(id, false) }

// movedFar has the cursor of a hook written at once, or together with those that
// come while others are written: a letter waits for it.
func (h *Hooks) movedFar(id string) {
	h.movedHooks.add(id, true)
	signal(h.urgent)
}
