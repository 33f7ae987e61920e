package cloudsvc

import (
	"context"
	"time"

	"datastub/dataplane"
)

// A requestInFlight is a request with a key on its way into the log.
type requestInFlight struct {
	body [16]byte
	left int           // how many of its entries are not stored
	done chan struct{} // closed when none is
}

// PublishOnce does what Publish does, once for a key: see the interface Publisher.
// The key is in the log with the messages, so that no crash comes between them.
func (i *Ingest) PublishOnce(ctx context.Context, identity Identity, key RequestKey, messages []dataplane.Message) ([]dataplane.ID, error) {
	for {
		flight, stored, err := i.enter(httpPublisher(identity), key, messages)
		if err != nil {
			return nil, err
		}
		if stored.has(messages) {
			return stored.ids(messages, nil), nil
		}
		if flight == nil {
			return i.publishRest(ctx, identity, key, stored, messages)
		}
		if err := i.await(ctx, flight.done); err != nil {
			return nil, err
		}
	}
}

// storedParts is what is in the log of a request, by class.
type storedParts map[dataplane.Class]dataplane.ID // the first of each class

// enter returns the request with a key that is in flight; nil: there was none, and
// there is now. Where it is stored, or some of it is, it says where.
func (i *Ingest) enter(publisher string, key RequestKey, messages []dataplane.Message) (flight *requestInFlight, stored storedParts, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if flight = i.requests[key.Request]; flight != nil {
		if flight.body != key.Body {
			return nil, nil, ErrKeyReused
		}
		return flight, nil, nil
	}
	stored = make(storedParts)
	if kept := i.marks.requests.find(key.Request, i.options.Now()); kept != nil {
		if kept.Body != key.Body {
			return nil, nil, ErrKeyReused
		}
		for _, class := range dataplane.Classes {
			if part := kept.part(class); part.epoch > 0 {
				stored[class] = dataplane.ID{Publisher: publisher, Class: class, Epoch: part.epoch, Seq: part.first}
			}
		}
	}
	if left := len(classesOf(stored.missing(messages))); left > 0 {
		i.requests[key.Request] = &requestInFlight{body: key.Body, left: left, done: make(chan struct{})}
	}
	return nil, stored, nil
}

// publishRest publishes what of a request is not stored.
func (i *Ingest) publishRest(ctx context.Context, identity Identity, key RequestKey, stored storedParts, messages []dataplane.Message) ([]dataplane.ID, error) {
	given, waits, err := i.publish(ctx, identity, &key, stored.missing(messages))
	if err != nil {
		i.leave(key)
		return nil, err
	}
	if err := i.awaitAll(ctx, waits); err != nil {
		return nil, err
	}
	return stored.ids(messages, given), nil
}

// noteRequests notes where the requests are that came with a key. i.mu is held, or
// nobody else is there yet.
func (i *Ingest) noteRequests(b *Block, seq uint64, stored time.Time) {
	for _, k := range b.Keys {
		r := &b.Ranges[k.Range]
		forgotten := i.marks.requests.add(k.RequestKey, b.Class, requestPart{r.Epoch, r.First, seq}, stored)
		i.options.Metrics.forgottenKeys.Add(float64(forgotten))
	}
}

// leave takes a request out of flight that nothing is stored of.
func (i *Ingest) leave(key RequestKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.requests[key.Request].done)
	delete(i.requests, key.Request)
}

// land notes that an entry of a request is stored.
func (i *Ingest) land(key *RequestKey) {
	if key == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	flight := i.requests[key.Request]
	if flight.left--; flight.left == 0 {
		close(flight.done)
		delete(i.requests, key.Request)
	}
}

// has tells whether all messages are stored.
func (s storedParts) has(messages []dataplane.Message) bool {
	return len(s) > 0 && len(s.missing(messages)) == 0
}

// missing returns the messages of classes that are not stored.
func (s storedParts) missing(messages []dataplane.Message) (missing []dataplane.Message) {
	for i := range messages {
		if _, is := s[messages[i].Class]; !is {
			missing = append(missing, messages[i])
		}
	}
	return missing
}

// ids returns the ids of all messages: of those stored, and those that the others
// were given now.
func (s storedParts) ids(messages []dataplane.Message, given []dataplane.ID) []dataplane.ID {
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		next, is := s[messages[i].Class]
		if !is {
			ids[i], given = given[0], given[1:]
			continue
		}
		ids[i] = next
		next.Seq++
		s[messages[i].Class] = next
	}
	return ids
}

// classesOf returns the classes that messages have.
func classesOf(messages []dataplane.Message) map[dataplane.Class]struct{} {
	classes := make(map[dataplane.Class]struct{})
	for i := range messages {
		classes[messages[i].Class] = struct{}{}
	}
	return classes
}
