package webhook

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The headers of the handshake, as net/http writes them.
const (
	headerOrigin        = "Webhook-Request-Origin"
	headerRate          = "Webhook-Request-Rate"
	headerAllowedOrigin = "Webhook-Allowed-Origin"
	headerAllowedRate   = "Webhook-Allowed-Rate"
)

// maxSaid is how much of a header of an answer is told, in bytes.
const maxSaid = 64

// Handshake asks a receiver by OPTIONS whether it wants our requests, so many a
// second, 0 being as many as there are: section 4 of CloudEvents' "HTTP 1.1 Web
// Hooks for Event Delivery" 1.0.2. It returns how many it allows, 0 being any
// number. A receiver that does not consent in its answer is one that does not:
// the callback that the specification leaves it is not offered, as nobody
// outside need be able to reach cloudsvc. The error does not repeat the URL.
func (s *Sender) Handshake(ctx context.Context, callback string, rate float64) (allowed float64, err error) {
	u, err := ParseURL(callback)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, TryTime)
	defer cancel()
	giveBack, err := s.places.take(ctx, u.Host)
	if err != nil {
		return 0, fmt.Errorf("handshake with the receiver: %s", why(err))
	}
	defer giveBack()
	request, err := http.NewRequestWithContext(ctx, http.MethodOptions, u.String(), nil)
	if err != nil {
		return 0, errors.New("request cannot be made") // the error has the URL
	}
	s.introduce(request)
	if rate > 0 {
		request.Header.Set(headerRate, strconv.Itoa(int(math.Ceil(rate*60)))) // a minute
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("handshake with the receiver: %s", why(err))
	}
	defer answer.Body.Close()
	_ = head(answer) // the connection is used for the messages
	return s.consent(answer, u)
}

// consent reads the answer to a handshake. A status alone is no consent:
// servers that know nothing of webhooks answer OPTIONS, too.
func (s *Sender) consent(answer *http.Response, u *url.URL) (allowed float64, err error) {
	origin := strings.TrimSpace(answer.Header.Get(headerAllowedOrigin))
	text := strings.TrimSpace(answer.Header.Get(headerAllowedRate))
	switch {
	case answer.StatusCode < 200 || answer.StatusCode >= 300:
		return 0, fmt.Errorf("handshake with the receiver: it answered OPTIONS with %d: want 200 with WebHook-Allowed-Origin: %s", answer.StatusCode, s.origin)
	case origin != "*" && !strings.EqualFold(origin, s.origin):
		return 0, fmt.Errorf("handshake with the receiver: it answered OPTIONS with WebHook-Allowed-Origin %q: want %q or *", hide([]byte(origin), u, maxSaid), s.origin)
	case text == "" || text == "*":
		return 0, nil
	}
	minutely, err := strconv.ParseUint(text, 10, 31)
	if err != nil || minutely == 0 {
		return 0, fmt.Errorf("handshake with the receiver: it answered OPTIONS with WebHook-Allowed-Rate %q: want a whole number of requests a minute above 0, or *", hide([]byte(text), u, maxSaid))
	}
	return float64(minutely) / 60, nil
}
