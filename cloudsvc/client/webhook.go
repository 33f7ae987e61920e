package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A Webhook is a durable subscription: cloudsvc sends what matches to its
// callback, and keeps where it is. A Subscription is this program's own.
type Webhook struct {
	ID          string          `json:"id"`
	Topic       string          `json:"topic"`    // or a filter
	Callback    string          `json:"callback"` // as far as it may be shown
	MaxInFlight int             `json:"maxInFlight"`
	MaxRate     float64         `json:"maxRate"` // requests a second; 0: no limit
	Rate        float64         `json:"rate"`    // in force: less where the receiver allows less
	Handshake   string          `json:"handshake"`
	Batch       json.RawMessage `json:"batch,omitempty"`
	Window      json.RawMessage `json:"window,omitempty"`
	Signature   string          `json:"signature"`           // v1 or v1a
	PublicKey   string          `json:"publicKey,omitempty"` // of v1a: what the receiver verifies with
	State       string          `json:"state"`               // active, paused or disabled
	Reason      string          `json:"reason,omitempty"`    // why it is disabled
	Created     time.Time       `json:"created"`
	Status      WebhookStatus   `json:"status"`
}

// WebhookStatus is where a Webhook is, and how it goes.
type WebhookStatus struct {
	Position      string        `json:"position"` // all up to it is done
	LagBlocksRT   uint64        `json:"lagBlocksRT"`
	LagBlocksBT   uint64        `json:"lagBlocksBT"`
	LagSeconds    float64       `json:"lagSeconds"`        // how long ago the oldest message was stored that waits
	Warning       string        `json:"warning,omitempty"` // what is about to be lost
	Waiting       int           `json:"waiting"`           // requests that are not done
	Delivered     uint64        `json:"delivered"`         // since cloudsvc started, or the last change
	Dead          uint64        `json:"dead"`              // likewise
	LastError     string        `json:"lastError"`         // "" once a try went well
	LastErrorTime time.Time     `json:"lastErrorTime,omitzero"`
	NextTry       time.Time     `json:"nextTry,omitzero"` // when all that was taken waits for it
	Window        *WindowStatus `json:"window,omitempty"` // of one that has windows, while it delivers
}

// WindowStatus is what windows of a Webhook are open.
type WindowStatus struct {
	Publishers      int       `json:"publishers"`                // that were seen
	Open            int       `json:"open"`                      // of them have windows that are open
	Oldest          time.Time `json:"oldest,omitzero"`           // the start of the oldest of these
	OldestPublisher string    `json:"oldestPublisher,omitempty"` // whose it is
	Late            uint64    `json:"late"`                      // messages that came when all their windows were closed
	Untimed         uint64    `json:"untimed"`                   // messages in no window, as their time is too far ahead
}

// NewWebhook is what a Webhook is made of. What is zero is left to cloudsvc.
type NewWebhook struct {
	Topic       string          `json:"topic"`
	Callback    string          `json:"callback"`
	MaxInFlight int             `json:"maxInFlight,omitempty"`
	MaxRate     float64         `json:"maxRate,omitempty"`
	Batch       json.RawMessage `json:"batch,omitempty"`
	Window      json.RawMessage `json:"window,omitempty"`
	Handshake   string          `json:"handshake,omitempty"` // none, or cloudevents: the receiver is asked by OPTIONS first
	Signature   string          `json:"signature,omitempty"` // v1, a secret that both ends have, or v1a, a public key
	After       string          `json:"after,omitempty"`     // see Start
	Since       string          `json:"since,omitempty"`
}

// WebhookKey is what the receiver of a Webhook verifies with. Nothing else shows
// the secret.
type WebhookKey struct {
	ID        string `json:"id"`                  // of the Webhook
	Secret    string `json:"secret,omitempty"`    // of signature v1
	PublicKey string `json:"publicKey,omitempty"` // of signature v1a
}

func webhookPath(id, action string) string { return "/v1/subscriptions/" + url.PathEscape(id) + action }

// Webhooks lists all, the oldest first.
func (c *Client) Webhooks(ctx context.Context) ([]Webhook, error) {
	var answer struct {
		Subscriptions []Webhook `json:"subscriptions"`
	}
	err := c.call(ctx, http.MethodGet, "/v1/subscriptions", nil, &answer)
	return answer.Subscriptions, err
}

// Webhook returns one.
func (c *Client) Webhook(ctx context.Context, id string) (w Webhook, err error) {
	err = c.call(ctx, http.MethodGet, webhookPath(id, ""), nil, &w)
	return w, err
}

// CreateWebhook makes one.
func (c *Client) CreateWebhook(ctx context.Context, w NewWebhook) (k WebhookKey, err error) {
	body, err := json.Marshal(w)
	if err != nil {
		return k, err
	}
	err = c.call(ctx, http.MethodPost, "/v1/subscriptions", body, &k)
	return k, err
}

// PauseWebhook lets one wait where it is.
func (c *Client) PauseWebhook(ctx context.Context, id string) (w Webhook, err error) {
	err = c.call(ctx, http.MethodPost, webhookPath(id, "/pause"), nil, &w)
	return w, err
}

// ResumeWebhook lets one go on, also after it was disabled.
func (c *Client) ResumeWebhook(ctx context.Context, id string) (w Webhook, err error) {
	err = c.call(ctx, http.MethodPost, webhookPath(id, "/resume"), nil, &w)
	return w, err
}

// RotateWebhook gives one a new key. The one before it holds for a day.
func (c *Client) RotateWebhook(ctx context.Context, id string) (k WebhookKey, err error) {
	err = c.call(ctx, http.MethodPost, webhookPath(id, "/rotate"), nil, &k)
	return k, err
}

// DeleteWebhook ends one. Its dead letters stay.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	return c.tell(ctx, http.MethodDelete, webhookPath(id, ""))
}
