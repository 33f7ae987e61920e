package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"datastub/dataplane"
)

// A Gap is messages of one namespace, topic and device that a publisher
// accepted and lost for good, before they were stored.
type Gap struct {
	ID        string          `json:"id"` // of the message that told subscribers
	Publisher string          `json:"publisher"`
	Namespace string          `json:"namespace"`
	Topic     string          `json:"topic"` // empty where it is not known; so is Device then
	Device    string          `json:"device"`
	Class     dataplane.Class `json:"class"`
	From      uint64          `json:"from"`            // the first seq lost; see dataplane.Loss
	To        uint64          `json:"to,omitempty"`    // the last; 0 where it is not known how many there are
	Count     uint64          `json:"count,omitempty"` // 0, too
	Reason    string          `json:"reason"`
	Time      time.Time       `json:"time"` // when the gap was stored
}

// GapQuery says which gaps are asked for. The zero GapQuery is the newest 100.
type GapQuery struct {
	Topic     string    // or a filter: those that a subscriber to it is told of
	Publisher string    // <node>/<mapper>
	Since     time.Time // stored then or later
	Limit     int       // how many at most
}

func (q *GapQuery) encode() string {
	values := url.Values{}
	if q.Topic != "" {
		values.Set("topic", q.Topic)
	}
	if q.Publisher != "" {
		values.Set("publisher", q.Publisher)
	}
	if !q.Since.IsZero() {
		values.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values.Encode()
}

// GapList is the answer to a GapQuery.
type GapList struct {
	Gaps     []Gap `json:"gaps"`     // the newest first
	More     int   `json:"more"`     // how many further ones match
	Complete bool  `json:"complete"` // whether cloudsvc looked at all that are in its log
}

// Gaps lists the gaps that are in the log.
func (c *Client) Gaps(ctx context.Context, q GapQuery) (GapList, error) {
	path := "/v1/gaps"
	if query := q.encode(); query != "" {
		path += "?" + query
	}
	var list GapList
	err := c.call(ctx, http.MethodGet, path, nil, &list)
	return list, err
}
