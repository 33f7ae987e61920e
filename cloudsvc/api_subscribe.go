package cloudsvc

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"datastub/dataplane/rest"
)

// subscribe answers POST /subscribe with a stream: the messages on whose topic
// matches, those stored from the moment of the answer's header on, or from where
// the subscriber says. With a callback it makes a durable subscription instead.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request, who Identity) error {
	if r.URL.Query().Has("callback") {
		return a.callBack(w, r, who)
	}
	leave := a.bodies.Enter(r)
	body, err := rest.ReadObject(w, r, "topic", "after", "since")
	leave() // the stream does not need it
	if err != nil {
		return err
	}
	q := streamQuery{topic: body.Text("topic"), after: body.Text("after"), since: body.Text("since"), accept: r.Header.Get("Accept")}
	if err := body.Err(); err != nil {
		return rest.Invalid("", err)
	}
	return a.stream(w, r, who, q)
}

// messages answers GET /v1/messages with a stream, too. A browser that comes
// back says where it was by Last-Event-ID.
func (a *API) messages(w http.ResponseWriter, r *http.Request, who Identity) error {
	query := r.URL.Query()
	return a.stream(w, r, who, streamQuery{
		topic: query.Get("topic"), after: query.Get("after"), since: query.Get("since"), limit: query.Get("limit"),
		last: r.Header.Get(lastEventID), accept: r.Header.Get("Accept"),
	})
}

// stream answers with what a query asks for, until it has come or the client
// leaves.
func (a *API) stream(w http.ResponseWriter, r *http.Request, who Identity, q streamQuery) error {
	if err := a.options.Authorizer.Authorize(who, Subscribe, "", q.topic); err != nil {
		return err
	}
	wanted, err := q.read(time.Now())
	if err != nil {
		return err
	}
	subscription, err := a.options.Dispatcher.SubscribeFrom(r.Context(), wanted.filter, wanted.start)
	if err != nil {
		return err
	}
	defer subscription.Close()
	s := newStream(w, wanted.format)
	s.limit = wanted.limit
	if r.Method == http.MethodHead {
		s.header(subscription.Began())
		return nil
	}
	open := a.options.Dispatcher.metrics.streams
	open.Inc()
	defer open.Dec()
	err = s.run(r.Context(), subscription)
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
