package cloudsvc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

const (
	// defaultGaps and maxGaps are how many gaps an answer has, unless the query
	// says so, and at most.
	defaultGaps = 100
	maxGaps     = 10_000
	// gapsTime is how long the log may take to say how far back it goes.
	gapsTime = 5 * time.Second
)

// gaps answers GET /v1/gaps: what is known to be lost for good, the newest
// first.
func (a *API) gaps(w http.ResponseWriter, r *http.Request, who Identity) error {
	query := r.URL.Query()
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", query.Get("topic")); err != nil {
		return err
	}
	q, err := readGapQuery(query)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), gapsTime)
	defer cancel()
	list, err := a.options.Gaps.Gaps(ctx, q)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, list)
}

// readGapQuery returns a *rest.InvalidError with everything that is wrong. A
// parameter that is empty is as good as left out.
func readGapQuery(query url.Values) (GapQuery, error) {
	q := GapQuery{Publisher: query.Get("publisher"), Limit: defaultGaps}
	var invalid rest.InvalidError
	if topic := query.Get("topic"); topic != "" {
		var err error
		q.Filter, err = dataplane.ParseFilter(topic)
		invalid.Add("topic", err)
	}
	if q.Publisher != "" {
		invalid.Add("publisher", dataplane.ValidatePublisher(q.Publisher))
	}
	if since := query.Get("since"); since != "" {
		if q.Since.UnmarshalText([]byte(since)) != nil {
			invalid.Add("since", fmt.Errorf("since %.64q is not RFC 3339: want one such as 2026-08-01T12:00:00.5Z", since))
		}
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxGaps {
			invalid.Add("limit", fmt.Errorf("limit %.64q: want a number from 1 to %d", limit, maxGaps))
		}
		q.Limit = n
	}
	return q, invalid.OrNil()
}
