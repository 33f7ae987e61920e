package cloudsvc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"datastub/dataplane"
)

// The limits of one POST /publish.
const (
	maxPublishBody     = 8 << 20 // bytes
	maxPublishMessages = 10_000
)

// What a message has that is published over HTTP and does not say.
const (
	defaultNamespace = "default"
	defaultDevice    = "http"
	defaultClass     = dataplane.BT
)

// maxAhead is how far a message's time may be ahead of the clock.
const maxAhead = time.Hour

// publishReply is the answer to /publish: the ids, in the order of the
// messages.
type publishReply struct {
	IDs []string `json:"ids"`
}

// publish answers POST /publish: one message or an array of them, all stored
// or none.
func (a *API) publish(w http.ResponseWriter, r *http.Request, who Identity) error {
	body, err := readBody(w, r, maxPublishBody)
	if err != nil {
		return err
	}
	messages, err := a.decodeMessages(body)
	if err != nil {
		return err
	}
	if err := a.authorizePublish(who, messages); err != nil {
		return err
	}
	ids, err := a.options.Publisher.Publish(r.Context(), who, messages)
	if err != nil {
		if r.Context().Err() != nil {
			return fmt.Errorf("publish: %w: %w", errDisconnected, err)
		}
		return err
	}
	reply := publishReply{IDs: make([]string, len(ids))}
	for i, id := range ids {
		reply.IDs[i] = id.String()
	}
	return writeJSON(w, http.StatusAccepted, reply)
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

// decodeMessages reads one message or an array. The error has everything that
// is wrong with any of them.
func (a *API) decodeMessages(body []byte) ([]dataplane.Message, error) {
	if err := dataplane.CheckJSON("body", body); err != nil {
		return nil, invalid("", err)
	}
	if bytes.TrimSpace(body)[0] != '[' {
		m, err := a.decodeMessage(body)
		if err != nil {
			return nil, invalid("", err)
		}
		return []dataplane.Message{m}, nil
	}
	raws, err := splitMessages(body)
	if err != nil {
		return nil, invalid("", err)
	}
	var invalid InvalidError
	messages := make([]dataplane.Message, len(raws))
	for i, raw := range raws {
		if messages[i], err = a.decodeMessage(raw); err != nil {
			invalid.addMessage(i, err)
		}
	}
	return messages, invalid.orNil()
}

// splitMessages returns the elements of an array.
func splitMessages(body []byte) ([]json.RawMessage, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(body, &raws); err != nil {
		return nil, err
	}
	switch {
	case len(raws) == 0:
		return nil, errors.New("the array is empty: want at least one message")
	case len(raws) > maxPublishMessages:
		return nil, fmt.Errorf("%d messages: the most at once is %d", len(raws), maxPublishMessages)
	}
	return raws, nil
}

// decodeMessage reads a message and fills in what it does not say.
func (a *API) decodeMessage(raw []byte) (dataplane.Message, error) {
	m, err := dataplane.DecodeMessage(raw)
	if err != nil {
		return m, err
	}
	if m.Namespace == "" {
		m.Namespace = defaultNamespace
	}
	if m.Device == "" {
		m.Device = defaultDevice
	}
	if m.Class == 0 {
		m.Class = defaultClass
	}
	now := a.options.Now()
	if m.Time.IsZero() {
		m.Time = now
	}
	if m.Quality.IsGood() && m.Time.Sub(now) > maxAhead {
		m.Quality = dataplane.Uncertain("time is more than 1h ahead of cloudsvc's clock")
	}
	return m, m.Validate()
}
