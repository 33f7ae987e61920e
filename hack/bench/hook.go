package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"datastub/cloudsvc/load"
)

// subscribe makes a durable subscription at cloudsvc's URL, and returns its own.
func subscribe(ctx context.Context, server, topic, callback string, maxInFlight int) (url string, err error) {
	body, err := json.Marshal(map[string]any{"topic": topic, "callback": callback, "maxInFlight": maxInFlight})
	if err != nil {
		return "", err
	}
	answer, err := call(ctx, http.MethodPost, server+"/v1/subscriptions", bytes.NewReader(body), http.StatusCreated)
	return server + answer.Get("Location"), err
}

// unsubscribe ends a subscription.
func unsubscribe(ctx context.Context, url string) error {
	_, err := call(ctx, http.MethodDelete, url, nil, http.StatusNoContent)
	return err
}

// call makes a request that is answered by one status, and returns the answer's
// header.
func call(ctx context.Context, method, url string, body io.Reader, want int) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // what there is has to do
	if answer.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, bytes.TrimSpace(text))
	}
	return answer.Header, nil
}

// A hookInlet is receivers of webhooks, each at a port of its own.
type hookInlet struct {
	servers   []*http.Server
	listeners []net.Listener
}

// newHookInlet returns when all have their subscriptions.
func newHookInlet(ctx context.Context, s setup, tally *load.Tally) (_ *hookInlet, err error) {
	in := &hookInlet{}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	for n := range s.Hooks {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		in.listeners = append(in.listeners, l)
		in.servers = append(in.servers, &http.Server{Handler: newReceiver(n, tally), ReadHeaderTimeout: readyTime})
		if _, err := subscribe(ctx, s.Address, s.Topic, "http://"+l.Addr().String(), 1); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Run receives until ctx ends.
func (in *hookInlet) Run(ctx context.Context) error {
	var serving errgroup.Group
	for i, server := range in.servers {
		serving.Go(func() error {
			if err := server.Serve(in.listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	<-ctx.Done()
	return errors.Join(in.close(), serving.Wait())
}

func (in *hookInlet) close() error {
	var errs []error
	for _, server := range in.servers {
		errs = append(errs, server.Close())
	}
	for _, l := range in.listeners { // which a server that serves has closed
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// A receiver adds what it is sent to a tally. As all receivers have the same
// messages, each counts them as a publisher's of its own.
type receiver struct {
	tally *load.Tally
	name  string

	mu     sync.Mutex
	parser *load.Parser
}

func newReceiver(number int, tally *load.Tally) *receiver {
	return &receiver{tally: tally, name: fmt.Sprintf("receiver-%d/hook", number), parser: load.NewParser()}
}

// ServeHTTP takes a message.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return // cloudsvc has gone
	}
	r.mu.Lock()
	a, err := r.parser.Message(text, at)
	r.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // it is missing then
		return
	}
	a.ID.Publisher = r.name
	r.tally.Add(a)
}
