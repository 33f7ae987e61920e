package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// hookMade is the answer to the making of a subscription, or of a key: nothing
// else shows the secret.
type hookMade struct {
	ID        string `json:"id"`
	Secret    string `json:"secret,omitempty"`    // of webhook.V1
	PublicKey string `json:"publicKey,omitempty"` // of webhook.V1a
}

// hookShown is a subscription as the API shows it.
type hookShown struct {
	ID          string            `json:"id"`
	Topic       string            `json:"topic"`
	Callback    string            `json:"callback"` // redacted
	MaxInFlight int               `json:"maxInFlight"`
	MaxRate     float64           `json:"maxRate"`
	Batch       *BatchLimits      `json:"batch,omitempty"`
	Window      *window.Spec      `json:"window,omitempty"`
	Signature   webhook.Signature `json:"signature"`
	PublicKey   string            `json:"publicKey,omitempty"`
	State       HookState         `json:"state"`
	Reason      string            `json:"reason,omitempty"`
	Created     time.Time         `json:"created"`
	Status      HookStatus        `json:"status"`
}

// hookList is the answer to GET /v1/subscriptions.
type hookList struct {
	Subscriptions []hookShown `json:"subscriptions"`
}

// hookFields are the keys of what a caller may set.
var hookFields = [...]string{"topic", "callback", "maxInFlight", "maxRate", "batch", "window"}

// createHook answers POST /v1/subscriptions.
func (a *API) createHook(w http.ResponseWriter, r *http.Request, who Identity) error {
	body, err := rest.ReadObject(w, r, append(slices.Clone(hookFields[:]), "signature", "after", "since")...)
	if err != nil {
		return err
	}
	hook := DefaultHook()
	hook.Owner = who
	readHook(body, &hook)
	if body.Has("signature") {
		hook.Signature = webhook.Signature(body.Text("signature"))
	}
	q := streamQuery{topic: hook.Topic, after: body.Text("after"), since: body.Text("since")}
	if err := body.Err(); err != nil {
		return rest.Invalid("", err)
	}
	return a.makeHook(w, r, hook, q)
}

// callBack answers POST /subscribe?topic=…&callback=…, which makes the same
// subscription as createHook.
func (a *API) callBack(w http.ResponseWriter, r *http.Request, who Identity) error {
	query := r.URL.Query()
	hook := DefaultHook()
	hook.Owner, hook.Topic, hook.Callback = who, query.Get("topic"), query.Get("callback")
	return a.makeHook(w, r, hook, streamQuery{topic: hook.Topic})
}

func (a *API) makeHook(w http.ResponseWriter, r *http.Request, hook Hook, q streamQuery) error {
	if err := a.options.Authorizer.Authorize(hook.Owner, Subscribe, "", hook.Topic); err != nil {
		return err
	}
	wanted, err := q.read(time.Now())
	if err != nil {
		return err
	}
	if err := a.checkCallback(r.Context(), hook.Callback); err != nil {
		return err
	}
	made, key, err := a.options.Hooks.Create(r.Context(), hook, wanted.start)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/subscriptions/"+made.ID)
	return rest.WriteJSON(w, http.StatusCreated, hookMade{made.ID, key.Secret(), key.PublicKey()})
}

// checkCallback refuses a receiver whose address may not be dialled now. One
// that is not found passes: each try looks for it, and asks the rule again.
func (a *API) checkCallback(ctx context.Context, callback string) error {
	u, err := webhook.ParseURL(callback)
	if err != nil {
		return rest.Invalid("callback", err)
	}
	port := u.Port()
	if port == "" {
		port = "443" // whatever it is: the rule asks for none
	}
	var refused *RefusedAddressError
	if _, err := a.options.Addresses.Resolve(ctx, net.JoinHostPort(u.Hostname(), port)); errors.As(err, &refused) {
		return rest.Invalid("callback", refused)
	}
	return nil
}

// readHook reads what is given of a subscription, and leaves the rest as it is.
// What is wrong is in the object's Err.
func readHook(o *dataplane.Object, hook *Hook) {
	if o.Has("topic") {
		hook.Topic = o.Text("topic")
	}
	if o.Has("callback") {
		hook.Callback = o.Text("callback")
	}
	if o.Has("maxInFlight") && json.Unmarshal(o.Raw("maxInFlight"), &hook.MaxInFlight) != nil {
		o.Refuse("maxInFlight", fmt.Errorf("maxInFlight %.64s: want a whole number from 1 to %d", o.Raw("maxInFlight"), maxInFlight))
	}
	if o.Has("maxRate") && json.Unmarshal(o.Raw("maxRate"), &hook.MaxRate) != nil {
		o.Refuse("maxRate", fmt.Errorf("maxRate %.64s: want a number of requests a second", o.Raw("maxRate")))
	}
	if o.Has("window") {
		spec, err := window.ParseSpec(o.Raw("window"))
		hook.Window = &spec
		refuseFields(o, "window", err)
	}
	if raw := o.Raw("batch"); o.Has("batch") {
		limits, err := ParseBatchLimits(raw)
		hook.Batch = &limits
		refuseFields(o, "batch", err)
	} else if raw != nil { // null
		hook.Batch = nil
	}
}

// refuseFields refuses each field of an object in a field that is wrong.
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
		}
		o.Refuse(name, fmt.Errorf("%s: %w", field, err))
	}
}

// listHooks answers GET /v1/subscriptions with all that there are.
func (a *API) listHooks(w http.ResponseWriter, r *http.Request, who Identity) error {
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", ""); err != nil {
		return err
	}
	list := hookList{Subscriptions: []hookShown{}}
	var known storedTimes // many are behind at the same block
	for _, hook := range a.options.Hooks.List() {
		shown, err := a.showHook(r.Context(), hook, &known)
		if errors.Is(err, ErrNoSuchHook) { // it has just gone
			continue
		}
		if err != nil {
			return err
		}
		list.Subscriptions = append(list.Subscriptions, shown)
	}
	return rest.WriteJSON(w, http.StatusOK, list)
}

func (a *API) showHook(ctx context.Context, hook Hook, known *storedTimes) (hookShown, error) {
	status, err := a.options.Hooks.Status(hook.ID)
	if err == nil {
		err = a.options.Hooks.age(ctx, &status, known)
	}
	if batch := defaultBatch(); hook.Batch == nil && hook.Window == nil {
		hook.Batch = &batch
	}
	return hookShown{
		ID: hook.ID, Topic: hook.Topic, Callback: webhook.Redact(hook.Callback), MaxInFlight: hook.MaxInFlight, MaxRate: hook.MaxRate,
		Batch: hook.Batch, Window: hook.Window, Signature: hook.Signature, PublicKey: hook.publicKey(), State: hook.State, Reason: hook.Why, Created: hook.Created, Status: status,
	}, err
}

// ofHook returns the handler of one subscription, whose topic the caller may
// read.
func (a *API) ofHook(handle func(w http.ResponseWriter, r *http.Request, who Identity, hook Hook) error) handler {
	return withQuery(func(w http.ResponseWriter, r *http.Request, who Identity) error {
		hook, err := a.options.Hooks.Get(mux.Vars(r)["id"])
		if err != nil {
			return err
		}
		if err := a.options.Authorizer.Authorize(who, Subscribe, "", hook.Topic); err != nil {
			return err
		}
		return handle(w, r, who, hook)
	})
}

// getHook answers GET /v1/subscriptions/{id}.
func (a *API) getHook(w http.ResponseWriter, r *http.Request, _ Identity, hook Hook) error {
	shown, err := a.showHook(r.Context(), hook, new(storedTimes))
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, shown)
}

// changeHook answers PATCH /v1/subscriptions/{id}: what is left out stays.
func (a *API) changeHook(w http.ResponseWriter, r *http.Request, who Identity, hook Hook) error {
	body, err := rest.ReadObject(w, r, hookFields[:]...)
	if err != nil {
		return err
	}
	readHook(body, &hook)
	if err := body.Err(); err != nil {
		return rest.Invalid("", err)
	}
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", hook.Topic); err != nil {
		return err
	}
	if err := a.checkCallback(r.Context(), hook.Callback); err != nil {
		return err
	}
	return a.editHook(w, r, hook.ID, func(kept *Hook) { readHook(body, kept) })
}

// setHook returns the handler that puts a subscription into a state.
func (a *API) setHook(state HookState) handler {
	return a.ofHook(func(w http.ResponseWriter, r *http.Request, _ Identity, hook Hook) error {
		return a.editHook(w, r, hook.ID, func(kept *Hook) { kept.State, kept.Why = state, "" })
	})
}

// editHook changes a subscription and answers with what it is then.
func (a *API) editHook(w http.ResponseWriter, r *http.Request, id string, edit func(*Hook)) error {
	changed, err := a.options.Hooks.Change(r.Context(), id, func(kept *Hook) error { edit(kept); return nil })
	if err != nil {
		return err
	}
	return a.getHook(w, r, "", changed)
}

// rotateHook answers POST /v1/subscriptions/{id}/rotate with a new secret.
func (a *API) rotateHook(w http.ResponseWriter, r *http.Request, _ Identity, hook Hook) error {
	key, err := a.options.Hooks.Rotate(r.Context(), hook.ID)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, hookMade{hook.ID, key.Secret(), key.PublicKey()})
}

// deleteHook answers DELETE /v1/subscriptions/{id}.
func (a *API) deleteHook(w http.ResponseWriter, r *http.Request, _ Identity, hook Hook) error {
	if err := a.options.Hooks.Delete(r.Context(), hook.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
