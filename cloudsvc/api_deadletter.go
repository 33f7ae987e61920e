package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"datastub/dataplane/rest"
)

const (
	// defaultLetters and maxLetters are how many dead letters an answer has,
	// unless the query says so, and at most; maxLetterBytes is about how many
	// bytes.
	defaultLetters = 100
	maxLetters     = 1000
	maxLetterBytes = 8 << 20
	// maxLettersRead is how many are looked at for one answer.
	maxLettersRead = 10_000
	// lettersTime is how long the store may take for one answer. What it has not
	// come to then is left for the next one.
	lettersTime = 10 * time.Second
)

// letterPath is that of one dead letter.
const letterPath = "/v1/deadletters/{id}"

// letterList is the answer to GET /v1/deadletters.
type letterList struct {
	DeadLetters []DeadLetter `json:"deadLetters"`
	Next        string       `json:"next,omitempty"` // the cursor behind them; "" behind all
}

// A letterQuery says which dead letters are asked for.
type letterQuery struct {
	subscription string     // "" for every one
	reason       DeadReason // likewise
	limit        int
	after        uint64 // the place behind which they begin
}

// letters answers GET /v1/deadletters, the oldest first.
func (a *API) letters(w http.ResponseWriter, r *http.Request, who Identity) error {
	q, err := readLetterQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if err := a.mayHaveLetters(who, q.subscription); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), lettersTime)
	defer cancel()
	list, err := listLetters(ctx, a.options.Hooks.options.DeadLetters, q)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, list)
}

// mayHaveLetters asks whether an identity may have what a subscription did not
// deliver: of one that is gone nobody knows the topic.
func (a *API) mayHaveLetters(who Identity, subscription string) error {
	hook, err := a.options.Hooks.Get(subscription)
	if err != nil && !errors.Is(err, ErrNoSuchHook) {
		return err
	}
	return a.options.Authorizer.Authorize(who, Subscribe, "", hook.Topic)
}

// readLetterQuery returns a *rest.InvalidError with everything that is wrong.
func readLetterQuery(query url.Values) (letterQuery, error) {
	q := letterQuery{subscription: query.Get("subscription"), reason: DeadReason(query.Get("reason")), limit: defaultLetters}
	var invalid rest.InvalidError
	if q.subscription != "" {
		invalid.Add("subscription", checkHookID(q.subscription))
	}
	if q.reason != "" && !slices.Contains(deadReasons[:], q.reason) {
		invalid.Add("reason", fmt.Errorf("reason %.64q: want %s or %s", q.reason, DeadRefused, DeadExhausted))
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxLetters {
			invalid.Add("limit", fmt.Errorf("limit %.64q: want a number from 1 to %d", limit, maxLetters))
		}
		q.limit = n
	}
	if cursor := query.Get("cursor"); cursor != "" {
		var err error
		if q.after, err = strconv.ParseUint(cursor, 36, 64); err != nil {
			invalid.Add("cursor", fmt.Errorf("cursor %.64q: want the next of an answer", cursor))
		}
	}
	return q, invalid.OrNil()
}

// listLetters returns those that a query asks for, as many as it may look at, and
// as there is time for.
func listLetters(ctx context.Context, box DeadLetterBox, q letterQuery) (letterList, error) {
	list := letterList{DeadLetters: []DeadLetter{}}
	bytes := 0
	for n := range maxLettersRead {
		kept, err := box.NextLetter(ctx, q.subscription, q.after)
		if errors.Is(err, ErrNoSuchLetter) {
			return list, nil
		}
		if err != nil && ctx.Err() != nil && n > 0 { // there is more, of which the next answer is
			break
		}
		if err != nil {
			return list, err
		}
		if q.reason == "" || kept.Reason == q.reason {
			bytes += len(kept.Message) + len(kept.Head)
			if len(list.DeadLetters) == q.limit || bytes > maxLetterBytes && len(list.DeadLetters) > 0 {
				break
			}
			list.DeadLetters = append(list.DeadLetters, kept.DeadLetter)
		}
		q.after = kept.Place
	}
	list.Next = strconv.FormatUint(q.after, 36)
	return list, nil
}

// ofLetter returns the handler of one dead letter, whose subscription's topic
// the caller may read.
func (a *API) ofLetter(handle func(w http.ResponseWriter, r *http.Request, kept KeptLetter) error) handler {
	return withQuery(func(w http.ResponseWriter, r *http.Request, who Identity) error {
		kept, err := a.options.Hooks.letter(r.Context(), mux.Vars(r)["id"])
		if err != nil {
			return err
		}
		if err := a.options.Authorizer.Authorize(who, Subscribe, "", kept.Topic); err != nil {
			return err
		}
		return handle(w, r, kept)
	})
}

// getLetter answers GET /v1/deadletters/{id}.
func (a *API) getLetter(w http.ResponseWriter, _ *http.Request, kept KeptLetter) error {
	return rest.WriteJSON(w, http.StatusOK, kept.DeadLetter)
}

// dropLetter answers DELETE /v1/deadletters/{id}.
func (a *API) dropLetter(w http.ResponseWriter, r *http.Request, kept KeptLetter) error {
	if err := a.options.Hooks.options.DeadLetters.DropLetter(r.Context(), kept.Place); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// letterRedriven is the answer to the redrive of one dead letter.
type letterRedriven struct {
	Delivered  bool        `json:"delivered"`
	DeadLetter *DeadLetter `json:"deadLetter,omitempty"` // as it is now, where it was not
}

// redriveLetter answers POST /v1/deadletters/{id}/redrive with what came of it.
func (a *API) redriveLetter(w http.ResponseWriter, r *http.Request, kept KeptLetter) error {
	ctx, cancel := context.WithTimeout(r.Context(), redriveTurn)
	defer cancel()
	delivered, kept, err := a.options.Hooks.Redrive(ctx, kept.ID)
	if err != nil {
		return err
	}
	if delivered {
		return rest.WriteJSON(w, http.StatusOK, letterRedriven{Delivered: true})
	}
	return rest.WriteJSON(w, http.StatusOK, letterRedriven{DeadLetter: &kept.DeadLetter})
}

// ofLetters returns the handler of all dead letters of a subscription.
func (a *API) ofLetters(handle func(w http.ResponseWriter, r *http.Request, subscription string) error) handler {
	return withQuery(func(w http.ResponseWriter, r *http.Request, who Identity) error {
		subscription := r.URL.Query().Get("subscription")
		if err := checkHookID(subscription); err != nil {
			return rest.Invalid("subscription", err)
		}
		if err := a.mayHaveLetters(who, subscription); err != nil {
			return err
		}
		return handle(w, r, subscription)
	}, "subscription")
}

// redriveLetters answers POST /v1/deadletters/redrive.
func (a *API) redriveLetters(w http.ResponseWriter, _ *http.Request, subscription string) error {
	if err := a.options.Hooks.RedriveAll(subscription); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// dropLetters answers DELETE /v1/deadletters.
func (a *API) dropLetters(w http.ResponseWriter, r *http.Request, subscription string) error {
	if err := a.options.Hooks.options.DeadLetters.DropLetters(r.Context(), subscription); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
