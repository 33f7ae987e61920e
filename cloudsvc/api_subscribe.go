package cloudsvc

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// subscribe answers POST /subscribe with a stream: all messages stored from
// the moment of the answer's header on whose topic matches.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request, who Identity) error {
	webhook := r.URL.Query().Has("callback")
	topic := r.URL.Query().Get("topic")
	if !webhook {
		leave := a.bodies.Enter(r)
		body, err := rest.ReadObject(w, r, "topic")
		leave() // the stream does not need it
		if err != nil {
			return err
		}
		topic = body.Text("topic")
		if err := body.Err(); err != nil {
			return rest.Invalid("", err)
		}
	}
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", topic); err != nil {
		return err
	}
	if webhook {
		return errWebhooks
	}
	filter, err := dataplane.ParseFilter(topic)
	if err != nil {
		return rest.Invalid("topic", err)
	}
	subscription, err := a.options.Dispatcher.Subscribe(filter)
	if err != nil {
		return err
	}
	defer subscription.Close()
	err = newStream(w).run(r.Context(), subscription)
	a.streamEnded(r.RemoteAddr, subscription, err)
	return nil
}

// streamEnded says why, and aloud if cloudsvc did not want to go on with this
// one subscriber.
func (a *API) streamEnded(remote string, subscription *Subscription, err error) {
	stuck := errors.Is(err, os.ErrDeadlineExceeded)
	if stuck {
		a.options.Dispatcher.cutOff(subscription)
	}
	logger := a.options.Logger.WithValues("remote", remote, "filter", subscription.filter)
	if !stuck {
		logger.V(1).Info("stream ended", "reason", err)
		return
	}
	logger.Info("subscriber was cut off", "reason", fmt.Sprintf("stuck: it read nothing for %v", writeTimeout), "position", subscription.Position())
}
