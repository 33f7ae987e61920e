package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A DeadLetter is a message, batch or window that the receiver of a Webhook did
// not take.
type DeadLetter struct {
	ID           string          `json:"id"`
	Subscription string          `json:"subscription"`     // the Webhook's id
	Topic        string          `json:"topic"`            // the Webhook's
	MessageID    string          `json:"messageId"`        // of which webhook-id is made
	Reason       string          `json:"reason"`           // refused or exhausted
	Detail       string          `json:"detail"`           // what came of the last try
	Status       int             `json:"status,omitempty"` // HTTP's, of the last answer
	Head         string          `json:"head,omitempty"`   // of its body
	Tries        int             `json:"tries"`
	First        time.Time       `json:"first"`
	Last         time.Time       `json:"last"`
	Message      json.RawMessage `json:"message,omitempty"` // what was sent; nil: too large to be kept
}

// DeadLetterQuery says which dead letters are asked for. The zero one is the
// oldest 100.
type DeadLetterQuery struct {
	Subscription string
	Reason       string
	Limit        int    // how many at most, up to 1000
	Cursor       string // the Next of the list before
}

func (q *DeadLetterQuery) encode() string {
	values := url.Values{}
	for name, value := range map[string]string{"subscription": q.Subscription, "reason": q.Reason, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values.Encode()
}

// DeadLetterList is the answer to a DeadLetterQuery.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"deadLetters"`    // the oldest first
	Next        string       `json:"next,omitempty"` // the cursor behind them; "": there are no more
}

// DeadLetters lists them. A list may have fewer than there are, or none, while
// there is a Next.
func (c *Client) DeadLetters(ctx context.Context, q DeadLetterQuery) (list DeadLetterList, err error) {
	path := "/v1/deadletters"
	if query := q.encode(); query != "" {
		path += "?" + query
	}
	err = c.call(ctx, http.MethodGet, path, nil, &list)
	return list, err
}

// Redriven is what came of one more try with a dead letter.
type Redriven struct {
	Delivered  bool        `json:"delivered"`            // it is a dead letter no more
	DeadLetter *DeadLetter `json:"deadLetter,omitempty"` // as it is now, where it was not
}

func letterPath(id, action string) string { return "/v1/deadletters/" + url.PathEscape(id) + action }

// RedriveDeadLetter makes one more try.
func (c *Client) RedriveDeadLetter(ctx context.Context, id string) (r Redriven, err error) {
	err = c.call(ctx, http.MethodPost, letterPath(id, "/redrive"), nil, &r)
	return r, err
}

// RedriveDeadLetters has one more try made with each of a Webhook, in order, and
// does not wait for that.
func (c *Client) RedriveDeadLetters(ctx context.Context, subscription string) error {
	return c.tell(ctx, http.MethodPost, "/v1/deadletters/redrive?subscription="+url.QueryEscape(subscription))
}

// DropDeadLetter drops one.
func (c *Client) DropDeadLetter(ctx context.Context, id string) error {
	return c.tell(ctx, http.MethodDelete, letterPath(id, ""))
}

// DropDeadLetters drops those of a Webhook.
func (c *Client) DropDeadLetters(ctx context.Context, subscription string) error {
	return c.tell(ctx, http.MethodDelete, "/v1/deadletters?subscription="+url.QueryEscape(subscription))
}
