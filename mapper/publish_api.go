package mapper

import (
	"context"
	"net/http"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// publishRoom is how many bytes the bodies of all clients may take. What comes
// when it is spent is refused as busy.
const publishRoom = 4 * rest.MaxPublishBody

// A publishAPI takes in what programs on the node publish, by POST /publish as
// cloudsvc has it: the same JSON, limits and answers.
type publishAPI struct {
	publisher Publisher
	settle    func(context.Context) error // see Uplink.Settle
	tally     *Tally
	defaults  rest.Defaults
	room      *rest.Room
}

// newPublishAPI returns the API of a mapper on a node. Messages that name no
// device are the node's own; their class is what the mapper's rules say.
func newPublishAPI(publisher Publisher, settle func(context.Context) error, tally *Tally, node string, class dataplane.Class) *publishAPI {
	return &publishAPI{
		publisher: publisher,
		settle:    settle,
		tally:     tally,
		defaults: rest.Defaults{
			Namespace: "default", Device: node, Class: class, Now: time.Now, Clock: "the mapper's clock",
		},
		room: rest.NewRoom(publishRoom),
	}
}

// publish answers POST /publish: one message or an array of them, all accepted
// or none. Who sent them may forget them then: it answers when they are on disk.
func (p *publishAPI) publish(w http.ResponseWriter, r *http.Request) error {
	defer p.room.Enter(r)()
	messages, err := rest.ReadMessages(w, r, p.defaults)
	if err != nil {
		return err
	}
	for i := range messages {
		p.tally.read(messages[i].Class)
	}
	if err := p.tally.offer(p.publisher, messages); err != nil {
		return err
	}
	if err := p.settle(r.Context()); err != nil {
		return err
	}
	ids := make([]dataplane.ID, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
	}
	return rest.WritePublished(w, ids)
}
