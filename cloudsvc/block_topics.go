package cloudsvc

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// maxTopics is the most topics that a block lists. They take 32 KiB, half of
// what a log leaves beside a frame of the largest size.
const maxTopics = 4096

// topicKey is the key of a block's hashes, which a cloudsvc makes when it starts
// and publishers do not get to know: who could make two topics with one hash
// would have readers skip the other one.
type topicKey [16]byte

// A topicName is what a hash is of.
type topicName struct{ namespace, topic string }

// maxHashed is how many hashes of topics are remembered of a class: some 4 MiB.
const maxHashed = 32_768

// topicHashes are the hashes of topics under one key, which they remember: the
// same topics come again and again, in turn. One goroutine uses them.
type topicHashes struct {
	key   topicKey
	known map[topicName]uint64
}

// newTopicHashes returns those under a key, of which none is known yet.
func newTopicHashes(key topicKey) *topicHashes {
	return &topicHashes{key: key, known: make(map[topicName]uint64)}
}

// of returns the hash of a topic.
func (h *topicHashes) of(namespace, topic string) uint64 {
	name := topicName{namespace, topic}
	if hash, known := h.known[name]; known {
		return hash
	}
	if len(h.known) == maxHashed {
		clear(h.known)
	}
	hash := h.key.hash(namespace, topic)
	h.known[name] = hash
	return hash
}

// entry returns the sorted hashes of the topics that an entry is about.
// listed is false if they are too many, or are not known.
func (h *topicHashes) entry(a *uplink.Accepted) (hashes []uint64, listed bool) {
	switch {
	case a.End != nil:
		return nil, !a.End.Unknown
	case a.Gap == nil:
		return h.messages(a.Messages)
	}
	for i := range a.Gap.Series {
		s := &a.Gap.Series[i]
		if hashes = insertTopic(hashes, h.of(s.Namespace, s.Topic)); len(hashes) > maxTopics {
			return nil, false
		}
	}
	return hashes, len(hashes) > 0
}

// messages is entry of one that is messages. What holds an event, of whatever
// namespace, is about EventTopic itself, too, of none: an audit looks for that.
func (h *topicHashes) messages(messages []dataplane.Message) (hashes []uint64, listed bool) {
	var last *dataplane.Message
	for i := range messages {
		m := &messages[i]
		if last != nil && last.Topic == m.Topic && last.Namespace == m.Namespace {
			continue
		}
		last = m
		if strings.HasPrefix(m.Topic, dataplane.EventTopic+"/") {
			hashes = insertTopic(hashes, h.of("", dataplane.EventTopic))
		}
		if hashes = insertTopic(hashes, h.of(m.Namespace, m.Topic)); len(hashes) > maxTopics {
			return nil, false
		}
	}
	return hashes, true
}

// insertTopic inserts a hash where it is missing.
func insertTopic(hashes []uint64, hash uint64) []uint64 {
	at, found := slices.BinarySearch(hashes, hash)
	if found {
		return hashes
	}
	return slices.Insert(hashes, at, hash)
}

// hash returns the first 8 bytes of SHA-256 over the key, namespace, a zero byte
// and topic.
func (k *topicKey) hash(namespace, topic string) uint64 {
	var room [256]byte // of what is mostly shorter
	text := append(room[:0], k[:]...)
	text = append(append(text, namespace...), 0)
	sum := sha256.Sum256(append(text, topic...))
	return binary.BigEndian.Uint64(sum[:])
}
