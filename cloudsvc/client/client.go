package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"datastub/dataplane"
)

// DefaultServer is where cloudsvc listens unless told otherwise.
const DefaultServer = "http://127.0.0.1:8080"

// answerTimeout is how long cloudsvc may take to begin an answer.
const answerTimeout = 30 * time.Second

// maxAnswer is the largest answer that is read, in bytes, but for streams.
const maxAnswer = 256 << 20

// Options describe a Client.
type Options struct {
	Server string       // http or https URL of cloudsvc; DefaultServer
	HTTP   *http.Client // one of its own; it must have no Timeout, which would end streams
}

// A Client calls one cloudsvc. Many goroutines may use it at once.
type Client struct {
	server string // without "/" at its end
	http   *http.Client
}

// New returns a client. It does not connect.
func New(options Options) (*Client, error) {
	if options.Server == "" {
		options.Server = DefaultServer
	}
	u, err := url.Parse(options.Server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server %q: want an http:// or https:// URL, such as %s", options.Server, DefaultServer)
	}
	c := &Client{server: strings.TrimRight(options.Server, "/"), http: options.HTTP}
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = answerTimeout
		c.http = &http.Client{Transport: transport}
	}
	return c, nil
}

// Server returns the URL of cloudsvc.
func (c *Client) Server() string { return c.server }

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Publish stores messages, all or none, and returns their ids, in their order.
// ID, Node and Seq are cloudsvc's to give. Namespace, Device, Class and Time
// that are zero become "default", "http", BT and now. One call takes 10,000
// messages and 8 MiB at most.
func (c *Client) Publish(ctx context.Context, messages ...dataplane.Message) ([]dataplane.ID, error) {
	return c.publish(ctx, nil, messages)
}

// PublishOnce does what Publish does, once for a key: where it is not known
// whether messages were stored, the call may be made again with the same, for 24 h.
// It then returns the ids that they have. A key is 1 to 255 printable ASCII
// characters that nobody else gives, such as crypto/rand.Text returns.
func (c *Client) PublishOnce(ctx context.Context, key string, messages ...dataplane.Message) ([]dataplane.ID, error) {
	return c.publish(ctx, http.Header{"Idempotency-Key": {key}}, messages)
}

func (c *Client) publish(ctx context.Context, header http.Header, messages []dataplane.Message) ([]dataplane.ID, error) {
	converted := newMessages(messages)
	var content any = converted
	if len(messages) == 1 { // an array's errors would name its one message
		content = converted[0]
	}
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	var answer struct {
		IDs []string `json:"ids"`
	}
	if err := c.exchange(ctx, http.MethodPost, "/publish", header, body, &answer); err != nil {
		return nil, err
	}
	ids := make([]dataplane.ID, len(answer.IDs))
	for i, text := range answer.IDs {
		if ids[i], err = dataplane.ParseID(text); err != nil {
			return nil, fmt.Errorf("answer of %s/publish: %w", c.server, err)
		}
	}
	return ids, nil
}

// Nodes lists the nodes that publish to a topic or to those that a filter
// matches; with an empty topic, all nodes.
func (c *Client) Nodes(ctx context.Context, topic string) ([]Node, error) {
	path := "/discover"
	if topic != "" {
		path += "?topic=" + url.QueryEscape(topic)
	}
	var answer struct {
		Nodes []Node `json:"nodes"`
	}
	err := c.call(ctx, http.MethodGet, path, nil, &answer)
	return answer.Nodes, err
}

// Subscribe opens a stream of the messages stored from now on whose topic a
// filter matches. The stream ends with the context, too.
func (c *Client) Subscribe(ctx context.Context, filter string) (*Stream, error) {
	return c.SubscribeFrom(ctx, filter, Start{})
}

// Earliest is a Start's After that begins with all that cloudsvc has.
const Earliest = "earliest"

// A Start is where a stream begins. The zero Start is now; at most one field
// is set.
type Start struct {
	After string // the Position of an Event or a Stream, or Earliest
	Since string // when it was stored: a time of RFC 3339, or how long ago, such as 1h30m or 7d
}

// SubscribeFrom opens a stream that begins earlier: what was stored since then
// comes first, without a gap or a repeat before what is stored from now on.
func (c *Client) SubscribeFrom(ctx context.Context, filter string, start Start) (*Stream, error) {
	body, err := json.Marshal(struct {
		Topic string `json:"topic"`
		After string `json:"after,omitempty"`
		Since string `json:"since,omitempty"`
	}{filter, start.After, start.Since})
	if err != nil {
		return nil, err
	}
	answer, err := c.request(ctx, http.MethodPost, "/subscribe", nil, body) //nolint:bodyclose // the Stream closes it
	if err != nil {
		return nil, err
	}
	return newStream(ctx, answer.Body, answer.Header.Get("Last-Event-ID")), nil
}

// call sends a request and reads its answer.
func (c *Client) call(ctx context.Context, method, path string, body []byte, answer any) error {
	return c.exchange(ctx, method, path, nil, body, answer)
}

// exchange sends a request with headers and reads its answer.
func (c *Client) exchange(ctx context.Context, method, path string, header http.Header, body []byte, answer any) error {
	response, err := c.request(ctx, method, path, header, body) //nolint:bodyclose // drain closes it
	if err != nil {
		return err
	}
	defer drain(response.Body)
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("answer of %s %s%s: %w", method, c.server, path, err)
	}
	return nil
}

// tell sends a request whose answer is only that it was done.
func (c *Client) tell(ctx context.Context, method, path string) error {
	text, err := c.send(ctx, method, path, nil)
	if err != nil {
		return err
	}
	drain(text)
	return nil
}

// send sends a request and returns the answer's body, which the caller closes.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	answer, err := c.request(ctx, method, path, nil, body)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// request sends a request and returns the answer, whose body the caller
// closes. One that is no success becomes an error.
func (c *Client) request(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, header)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err // net/http names the method and the URL
	}
	if response.StatusCode/100 != 2 {
		defer drain(response.Body)
		return nil, readProblem(response)
	}
	return response, nil
}

// drain closes a body and reads what little may be left before, so that the
// connection is used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
