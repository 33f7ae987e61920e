package cloudsvc

import (
	"sync"

	"datastub/dataplane"
)

// maxTopicNames is how many hashes are kept with their topics, half of which make
// room at once for new ones: each cloudsvc before had others. Blocks with those
// that are forgotten are read, which costs time and nothing else.
const maxTopicNames = 100_000

// topicNames are the topics behind the hashes that blocks list, as far as they
// were met. It is safe for concurrent use.
type topicNames struct {
	mu    sync.RWMutex
	names map[keyedHash]string // "": several topics have the hash
	older map[keyedHash]string // those that go next
}

// keyedHash is a hash of a topic, and what was its key.
type keyedHash struct {
	key  topicKey
	hash uint64
}

// add learns the topics of a block that was read, whose key this is.
func (n *topicNames) add(b *storedBlock, key topicKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.names == nil {
		n.names = make(map[keyedHash]string)
	}
	n.learn(key, "", dataplane.EventTopic)
	var last *dataplane.Message
	for i := range b.messages {
		m := &b.messages[i]
		if last == nil || last.Topic != m.Topic || last.Namespace != m.Namespace {
			n.learn(key, m.Namespace, m.Topic)
		}
		last = m
	}
	for i := range b.gaps {
		n.learn(key, b.gaps[i].Namespace, b.gaps[i].Topic)
	}
}

func (n *topicNames) learn(key topicKey, namespace, topic string) {
	hash := keyedHash{key, key.hash(namespace, topic)}
	if known, met := n.name(hash); met && known != topic {
		topic = ""
	}
	if _, met := n.names[hash]; !met && len(n.names) >= maxTopicNames/2 {
		n.older, n.names = n.names, make(map[keyedHash]string)
	}
	n.names[hash] = topic
}

func (n *topicNames) name(hash keyedHash) (topic string, met bool) {
	if topic, met = n.names[hash]; !met {
		topic, met = n.older[hash]
	}
	return topic, met
}

// mayMatch tells whether there may be a topic among those that a block lists
// that a filter matches.
func (n *topicNames) mayMatch(b *Block, filter dataplane.Filter) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, hash := range b.Topics {
		if topic, _ := n.name(keyedHash{b.Key, hash}); topic == "" || filter.Match(topic) {
			return true
		}
	}
	return false
}
