package cloudsvc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// maxHookBody is the largest body that describes a subscription, in bytes: each
// may be kept for as long as a receiver is asked.
const maxHookBody = 64 << 10

// hookFields is what a caller may change of a subscription, as JSON.
type hookFields struct {
	Topic       string       `json:"topic"`
	Callback    string       `json:"callback"`
	MaxInFlight int          `json:"maxInFlight"`
	MaxRate     float64      `json:"maxRate"`
	Batch       *BatchLimits `json:"batch,omitempty"`
	Window      *window.Spec `json:"window,omitempty"`
	Handshake   Handshake    `json:"handshake"`
}

// hookFieldNames are those of hookFields.
var hookFieldNames = [...]string{"topic", "callback", "maxInFlight", "maxRate", "batch", "window", "handshake"}

// askedFieldNames are those of which a change has the receiver asked again.
var askedFieldNames = [...]string{"callback", "maxRate", "handshake"}

// readHook reads all that a caller may change of a subscription: what is left out
// or null is as in DefaultHook. What is wrong is in the object's Err.
func readHook(o *dataplane.Object, hook *Hook) {
	d := DefaultHook()
	hook.Topic, hook.Callback = o.Text("topic"), o.Text("callback")
	hook.MaxInFlight, hook.MaxRate, hook.Handshake = d.MaxInFlight, d.MaxRate, d.Handshake
	hook.Batch, hook.Window = nil, nil
	if o.Has("maxInFlight") && json.Unmarshal(o.Raw("maxInFlight"), &hook.MaxInFlight) != nil {
		o.Refuse("maxInFlight", fmt.Errorf("maxInFlight %.64s: want a whole number from 1 to %d", o.Raw("maxInFlight"), maxInFlight))
	}
	if o.Has("maxRate") && json.Unmarshal(o.Raw("maxRate"), &hook.MaxRate) != nil {
		o.Refuse("maxRate", fmt.Errorf("maxRate %.64s: want a number of requests a second", o.Raw("maxRate")))
	}
	if o.Has("handshake") {
		hook.Handshake = Handshake(o.Text("handshake"))
	}
	if o.Has("window") {
		spec, err := window.ParseSpec(o.Raw("window"))
		hook.Window = &spec
		refuseFields(o, "window", err)
	}
	if o.Has("batch") {
		limits, err := ParseBatchLimits(o.Raw("batch"))
		hook.Batch = &limits
		refuseFields(o, "batch", err)
	}
}

// refuseFields refuses each field of an object in a field that is wrong, by its
// whole name: its error begins with the name that it has in the object.
func refuseFields(o *dataplane.Object, field string, err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		o.Refuse(field, err)
		return
	}
	for _, err := range joined.Unwrap() {
		name := field
		var inner *dataplane.FieldError
		if errors.As(err, &inner) {
			name += "." + inner.Field
			err = errors.New(strings.Replace(err.Error(), inner.Field, name, 1))
		}
		o.Refuse(name, err)
	}
}

// readNewHook reads the body of POST /v1/subscriptions.
func readNewHook(w http.ResponseWriter, r *http.Request) (hook Hook, q streamQuery, err error) {
	body, err := rest.ReadBody(w, r, maxHookBody)
	if err != nil {
		return hook, q, err
	}
	o, err := dataplane.ReadObject("body", body, append(slices.Clone(hookFieldNames[:]), "signature", "after", "since")...)
	if err != nil {
		return hook, q, rest.Invalid("", err)
	}
	hook = DefaultHook()
	readHook(o, &hook)
	if o.Has("signature") {
		hook.Signature = webhook.Signature(o.Text("signature"))
	}
	q = streamQuery{topic: hook.Topic, after: o.Text("after"), since: o.Text("since")}
	if err := o.Err(); err != nil {
		return hook, q, rest.Invalid("", err)
	}
	return hook, q, nil
}

// A hookPatch is the body of PATCH /v1/subscriptions/{id}.
type hookPatch json.RawMessage

func readHookPatch(w http.ResponseWriter, r *http.Request) (hookPatch, error) {
	body, err := rest.ReadBody(w, r, maxHookBody)
	if err != nil {
		return nil, err
	}
	if _, err := dataplane.ReadObject("body", body, hookFieldNames[:]...); err != nil {
		return nil, rest.Invalid("", err)
	}
	return body, nil
}

// apply merges the patch into what the caller gave before. The error is a
// *rest.InvalidError.
func (p hookPatch) apply(hook *Hook) error {
	before, err := json.Marshal(hookFields{
		hook.Topic, hook.Callback, hook.MaxInFlight, hook.MaxRate, hook.Batch, hook.Window, hook.Handshake,
	})
	if err != nil {
		return err
	}
	o, err := dataplane.ReadObject("body", mergePatch(before, json.RawMessage(p)), hookFieldNames[:]...)
	if err != nil {
		return rest.Invalid("", err)
	}
	readHook(o, hook)
	if err := o.Err(); err != nil {
		return rest.Invalid("", err)
	}
	return nil
}

// asks tells whether the patch has something of which a receiver is asked, be it
// as it was.
func (p hookPatch) asks() bool {
	return slices.ContainsFunc(members(json.RawMessage(p)), func(m member) bool { return slices.Contains(askedFieldNames[:], m.name) })
}
