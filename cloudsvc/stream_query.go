package cloudsvc

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// maxLimit is the most lines that may be asked for, if they are limited.
const maxLimit = 1_000_000

// streamQuery is what a request asks of a stream, as it was given. What is
// empty is as good as left out.
type streamQuery struct {
	topic, after, since, limit string
	last                       string // Last-Event-ID, which counts more than the others
	accept                     string
}

// streamWanted is what a streamQuery means.
type streamWanted struct {
	filter dataplane.Filter
	start  Start
	limit  int // 0: none
	format streamFormat
}

// read returns a *rest.InvalidError with everything that is wrong.
func (q streamQuery) read(now time.Time) (streamWanted, error) {
	wanted := streamWanted{format: formatFor(q.accept)}
	var invalid rest.InvalidError
	var err error
	wanted.filter, err = dataplane.ParseFilter(q.topic)
	invalid.Add("topic", err)
	if q.limit != "" {
		if wanted.limit, err = strconv.Atoi(q.limit); err != nil || wanted.limit < 1 || wanted.limit > maxLimit {
			invalid.Add("limit", fmt.Errorf("limit %.64q: want a number from 1 to %d", q.limit, maxLimit))
		}
	}
	if q.after != "" && q.since != "" {
		invalid.Add("since", errors.New("since and after are both given: want one of them"))
	}
	if q.after != "" {
		wanted.start, err = ParseAfter(q.after)
		invalid.Add("after", err)
	}
	if q.since != "" {
		wanted.start, err = ParseSince(q.since, now)
		invalid.Add("since", err)
	}
	if q.last != "" {
		wanted.start, err = ParseAfter(q.last)
		invalid.Add(lastEventID, err)
	}
	return wanted, invalid.OrNil()
}
