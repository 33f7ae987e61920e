package cloudsvc

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// What a message has that is published over HTTP and does not say.
const (
	defaultNamespace = "default"
	defaultDevice    = "http"
	defaultClass     = dataplane.BT
)

// publishTime is how long the log may take until a publisher is told that its
// messages may or may not be stored: twice what one try to store them takes at
// most.
const publishTime = 10 * time.Second

// publish answers POST /publish: one message or an array of them, all stored
// or none.
func (a *API) publish(w http.ResponseWriter, r *http.Request, who Identity) error {
	request, body, err := keyOf(r, who)
	if err != nil {
		return err
	}
	messages, err := rest.ReadMessages(w, r, rest.Defaults{
		Namespace: defaultNamespace, Device: defaultDevice, Class: defaultClass,
		Now: a.options.Now, Clock: "cloudsvc's clock",
	})
	if err != nil {
		return err
	}
	if err := a.authorizePublish(who, messages); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), publishTime)
	defer cancel()
	var ids []dataplane.ID
	if body == nil {
		ids, err = a.options.Publisher.Publish(ctx, who, messages)
	} else {
		ids, err = a.options.Publisher.PublishOnce(ctx, who, RequestKey{request, [16]byte(body.Sum(nil)[:16])}, messages)
	}
	if err != nil {
		if r.Context().Err() != nil {
			return fmt.Errorf("publish: %w: %w", rest.ErrDisconnected, err)
		}
		return err
	}
	return rest.WritePublished(w, ids)
}

// authorizePublish asks once for each namespace and topic.
func (a *API) authorizePublish(who Identity, messages []dataplane.Message) error {
	type target struct{ namespace, topic string }
	asked := make(map[target]struct{})
	for i := range messages {
		t := target{messages[i].Namespace, messages[i].Topic}
		if _, done := asked[t]; done {
			continue
		}
		asked[t] = struct{}{}
		if err := a.options.Authorizer.Authorize(who, Publish, t.namespace, t.topic); err != nil {
			return err
		}
	}
	return nil
}
