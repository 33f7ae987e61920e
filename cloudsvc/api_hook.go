package cloudsvc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
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
	Rate        float64           `json:"rate"` // in force, which the receiver may have lowered
	Handshake   Handshake         `json:"handshake"`
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

// createHook answers POST /v1/subscriptions.
func (a *API) createHook(w http.ResponseWriter, r *http.Request, who Identity) error {
	hook, q, err := readNewHook(w, r)
	if err != nil {
		return err
	}
	hook.Owner = who
	return a.makeHook(w, r, hook, q)
}

// callBack answers POST /subscribe?topic=…&callback=…, which makes the same
// subscription as createHook.
func (a *API) callBack(w http.ResponseWriter, r *http.Request, who Identity) error {
	if err := rest.NoBody(w, r, "none beside a callback in the query: POST /v1/subscriptions takes all of a subscription in its body"); err != nil {
		return err
	}
	query := r.URL.Query()
	hook := DefaultHook()
	hook.Owner, hook.Topic, hook.Callback = who, query.Get("topic"), query.Get("callback")
	return a.makeHook(w, r, hook, streamQuery{topic: hook.Topic})
}

func (a *API) makeHook(w http.ResponseWriter, r *http.Request, hook Hook, q streamQuery) error {
	if err := a.options.Authorizer.Authorize(hook.Owner, Subscribe, "", hook.Topic); err != nil {
		return err
	}
	if err := a.checkHook(r.Context(), &hook); err != nil {
		return err
	}
	wanted, err := q.read(time.Now())
	if err != nil {
		return err
	}
	made, key, err := a.options.Hooks.Create(r.Context(), hook, wanted.start)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/subscriptions/"+made.ID)
	return rest.WriteJSON(w, http.StatusCreated, hookMade{made.ID, key.Secret(), key.PublicKey()})
}

// checkHook refuses what is wrong, and a receiver whose address may not be
// dialled now. One that is not found passes: each try looks for it, and asks the
// rule again.
func (a *API) checkHook(ctx context.Context, hook *Hook) error {
	if err := hook.validate(); err != nil {
		return err
	}
	u, err := webhook.ParseURL(hook.Callback)
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
		ID: hook.ID, Topic: hook.Topic, Callback: webhook.Redact(hook.Callback), MaxInFlight: hook.MaxInFlight, MaxRate: hook.MaxRate, Rate: hook.rate(), Handshake: hook.Handshake,
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

// changeHook answers PATCH /v1/subscriptions/{id}: what is left out stays, and
// null is what it is by default.
func (a *API) changeHook(w http.ResponseWriter, r *http.Request, who Identity, hook Hook) error {
	patch, err := readHookPatch(w, r)
	if err != nil {
		return err
	}
	if err := patch.apply(&hook); err != nil {
		return err
	}
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", hook.Topic); err != nil {
		return err
	}
	if err := a.checkHook(r.Context(), &hook); err != nil {
		return err
	}
	changed, err := a.options.Hooks.Amend(r.Context(), hook.ID, patch.asks(), patch.apply)
	if err != nil {
		return err
	}
	return a.getHook(w, r, who, changed)
}

// setHook returns the handler that puts a subscription into a state.
func (a *API) setHook(state HookState) handler {
	return a.ofHook(func(w http.ResponseWriter, r *http.Request, who Identity, hook Hook) error {
		changed, err := a.options.Hooks.Change(r.Context(), hook.ID, func(kept *Hook) error {
			kept.State, kept.Why = state, ""
			return nil
		})
		if err != nil {
			return err
		}
		return a.getHook(w, r, who, changed)
	})
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
