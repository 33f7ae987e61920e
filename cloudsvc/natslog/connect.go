package natslog

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// connectWait bounds the connection to one server of a cluster.
const connectWait = 3 * time.Second

// reconnectWait is how long a connection waits for the embedded server that is
// being started anew, before it tries again.
const reconnectWait = 50 * time.Millisecond

// connect connects to the embedded server, or to the cluster where there is
// none, with more options than both need.
func connect(o Options, e *embedded, more ...nats.Option) (*nats.Conn, error) {
	options := append(more,
		nats.Timeout(connectWait),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				return // the end of a pull had no place behind its blocks: classReader.read sees what is missing
			}
			o.Logger.Error(err, "NATS")
		}),
	)
	where := "the embedded server"
	if e != nil {
		options = append(options, nats.InProcessServer(e), nats.ReconnectWait(reconnectWait))
	} else {
		if err := checkURL(o.URL); err != nil {
			return nil, err
		}
		where = redact(o.URL)
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", where, err)
	}
	return conn, nil
}

// checkURL checks the URLs of a cluster. Its error does not repeat them: they
// may hold a password.
func checkURL(urls string) error {
	for n, part := range strings.Split(urls, ",") {
		u, err := parseURL(part)
		if err != nil || u.Host == "" {
			return fmt.Errorf("NATS URL %d of %d makes no sense: want nats://HOST:PORT", n+1, strings.Count(urls, ",")+1)
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("NATS URL %s: want nats://HOST:PORT, or tls, ws, wss", u.Redacted())
		}
	}
	return nil
}

var errNoURL = errors.New("URL is empty")

// parseURL reads a URL as NATS does, which takes HOST:PORT too.
func parseURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errNoURL
	}
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	return url.Parse(text)
}

// redact returns the URLs of a cluster without passwords and tokens.
func redact(urls string) string {
	if urls == "" {
		return ""
	}
	parts := strings.Split(urls, ",")
	for n, part := range parts {
		u, err := parseURL(part)
		if err != nil {
			parts[n] = "?"
			continue
		}
		if u.User != nil {
			u.User = url.User("xxxxx")
		}
		parts[n] = u.String()
	}
	return strings.Join(parts, ",")
}
