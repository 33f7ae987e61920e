package rest

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
	MaxPublishBody     = 8 << 20 // bytes
	MaxPublishMessages = 10_000
)

// Defaults are what a message has that does not say.
type Defaults struct {
	Namespace, Device string
	Class             dataplane.Class
	Now               func() time.Time // the time; one that a message brings is held against it
	Clock             string           // whose clock that is, for people
}

// ReadMessages reads the body of POST /publish: one message, or an array of
// them. Errors are as with ReadBody; an *InvalidError has everything that is
// wrong with any of the messages.
func ReadMessages(w http.ResponseWriter, r *http.Request, defaults Defaults) ([]dataplane.Message, error) {
	body, err := ReadBody(w, r, MaxPublishBody)
	if err != nil {
		return nil, err
	}
	if err := dataplane.CheckJSON("body", body); err != nil {
		return nil, Invalid("", err)
	}
	now := defaults.Now()
	if bytes.TrimSpace(body)[0] != '[' {
		m, err := defaults.Decode(body, now)
		if err != nil {
			return nil, Invalid("", err)
		}
		return []dataplane.Message{m}, nil
	}
	raws, err := splitMessages(body)
	if err != nil {
		return nil, Invalid("", err)
	}
	var invalid InvalidError
	messages := make([]dataplane.Message, len(raws))
	for i, raw := range raws {
		if messages[i], err = defaults.Decode(raw, now); err != nil {
			invalid.addMessage(i, err)
		}
	}
	return messages, invalid.OrNil()
}

// splitMessages returns the elements of an array.
func splitMessages(body []byte) ([]json.RawMessage, error) {
	raws, all := dataplane.Elements(body, MaxPublishMessages)
	switch {
	case len(raws) == 0:
		return nil, errors.New("the array is empty: want at least one message")
	case !all:
		return nil, fmt.Errorf("more than %d messages: publish them in several requests", MaxPublishMessages)
	}
	return raws, nil
}

// Decode reads a message and fills in what it does not say. What is wrong with
// it is as dataplane.DecodeMessage has it.
func (d *Defaults) Decode(raw []byte, now time.Time) (dataplane.Message, error) {
	m, err := dataplane.DecodeMessage(raw)
	if err != nil {
		return m, err
	}
	if m.Namespace == "" {
		m.Namespace = d.Namespace
	}
	if m.Device == "" {
		m.Device = d.Device
	}
	if m.Class == 0 {
		m.Class = d.Class
	}
	if m.Time.IsZero() {
		m.Time = now
	}
	if q := dataplane.Timely(m.Time, now, d.Clock); m.Quality.IsGood() && !q.IsGood() {
		m.Quality = q
	}
	return m, m.Validate()
}

// published is the answer to POST /publish: the ids, in the order of the
// messages.
type published struct {
	IDs []string `json:"ids"`
}

// WritePublished answers POST /publish with 202 and the messages' ids.
func WritePublished(w http.ResponseWriter, ids []dataplane.ID) error {
	reply := published{IDs: make([]string, len(ids))}
	for i, id := range ids {
		reply.IDs[i] = id.String()
	}
	return WriteJSON(w, http.StatusAccepted, reply)
}
