package cloudsvc

import (
	"errors"
	"net/http"
	"os"

	"datastub/dataplane"
)

// subscribeRequest is the body of /subscribe.
type subscribeRequest struct {
	Topic string `json:"topic"` // a topic or a filter
}

// subscribe answers POST /subscribe with a stream: all messages stored from
// the moment of the answer's header on whose topic matches.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request, who Identity) error {
	webhook := r.URL.Query().Has("callback")
	var request subscribeRequest
	if webhook {
		request.Topic = r.URL.Query().Get("topic")
	} else if err := decodeBody(w, r, &request); err != nil {
		return err
	}
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", request.Topic); err != nil {
		return err
	}
	if webhook {
		return errWebhooks
	}
	filter, err := dataplane.ParseFilter(request.Topic)
	if err != nil {
		return invalid("topic", err)
	}
	subscription, err := a.options.Dispatcher.Subscribe(filter)
	if err != nil {
		return err
	}
	defer subscription.Close()
	err = newStream(w).run(r.Context(), subscription)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		a.options.Dispatcher.metrics.cutOff.Inc() // it read nothing, so it cannot be told
	}
	a.options.Logger.V(1).Info("stream ended", "filter", filter, "remote", r.RemoteAddr, "reason", err)
	return nil
}
