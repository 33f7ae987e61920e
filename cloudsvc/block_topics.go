package cloudsvc

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

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

// entryTopics returns the sorted hashes of the topics that an entry is about.
// listed is false if they are too many, or are not known.
func (k *topicKey) entryTopics(a *uplink.Accepted) (hashes []uint64, listed bool) {
	switch {
	case a.End != nil:
		return nil, !a.End.Unknown
	case a.Gap == nil:
		return k.messageTopics(a.Messages)
	}
	for i := range a.Gap.Series {
		s := &a.Gap.Series[i]
		if hashes = insertTopic(hashes, k.hash(s.Namespace, s.Topic)); len(hashes) > maxTopics {
			return nil, false
		}
	}
	return hashes, len(hashes) > 0
}

func (k *topicKey) messageTopics(messages []dataplane.Message) (hashes []uint64, listed bool) {
	var last *dataplane.Message
	for i := range messages {
		m := &messages[i]
		if last != nil && last.Topic == m.Topic && last.Namespace == m.Namespace {
			continue
		}
		last = m
		if hashes = insertTopic(hashes, k.hash(m.Namespace, m.Topic)); len(hashes) > maxTopics {
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
