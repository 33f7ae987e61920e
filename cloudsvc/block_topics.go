package cloudsvc

import (
	"slices"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// maxTopics is the most topics that a block lists. They take 32 KiB, half of
// what a log leaves beside a frame of the largest size.
const maxTopics = 4096

// entryTopics returns the sorted hashes of the topics that an entry is about.
// listed is false if they are too many, or are not known.
func entryTopics(a *uplink.Accepted) (hashes []uint64, listed bool) {
	switch {
	case a.End != nil:
		return nil, !a.End.Unknown
	case a.Gap == nil:
		return messageTopics(a.Messages)
	}
	for i := range a.Gap.Series {
		s := &a.Gap.Series[i]
		if hashes = insertTopic(hashes, topicHash(s.Namespace, s.Topic)); len(hashes) > maxTopics {
			return nil, false
		}
	}
	return hashes, len(hashes) > 0
}

func messageTopics(messages []dataplane.Message) (hashes []uint64, listed bool) {
	var last *dataplane.Message
	for i := range messages {
		m := &messages[i]
		if last != nil && last.Topic == m.Topic && last.Namespace == m.Namespace {
			continue
		}
		last = m
		if hashes = insertTopic(hashes, topicHash(m.Namespace, m.Topic)); len(hashes) > maxTopics {
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

// topicHash is 64-bit FNV-1a over namespace, a zero byte and topic.
func topicHash(namespace, topic string) uint64 {
	const offset = 14695981039346656037
	return fnv1a(fnv1a(fnv1a(offset, namespace), "\x00"), topic)
}

// fnv1a is hash/fnv's, without its allocations.
func fnv1a(hash uint64, text string) uint64 {
	const prime = 1099511628211
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * prime
	}
	return hash
}
