package cloudsvc

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
)

// recordingAuthorizer denies everything, and notes what was asked.
type recordingAuthorizer struct {
	mu    sync.Mutex
	asked []string
}

func (a *recordingAuthorizer) Authorize(identity Identity, action Action, namespace, topic string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, fmt.Sprintf("%s %s %q %q", identity, action, namespace, topic))
	return fmt.Errorf("%w: %s", ErrDenied, action)
}

// take returns what was asked since the last take.
func (a *recordingAuthorizer) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func TestEveryRouteAuthorizes(t *testing.T) {
	authorizer := &recordingAuthorizer{}
	s := startService(t, func(o *APIOptions) { o.Authorizer = authorizer })
	wanted := testHook()
	wanted.Topic = "t"
	hook, _, err := s.api.options.Hooks.Create(t.Context(), wanted, Start{})
	if err != nil {
		t.Fatal(err)
	}
	letter := testDeadLetter(hook.ID, 1)
	if err := s.api.options.Hooks.bury(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	// One good request for each route, and what it must ask. A route that is
	// not here fails the test. The routes that ask nothing answer machines
	// which watch cloudsvc and have no identity, and tell of no data.
	requests := map[string]struct{ query, body, asks string }{
		"POST /register":                     {body: `{"id":"a","topics":["t"]}`, asks: `anonymous register "" "t"`},
		"GET /discover":                      {query: "?topic=t", asks: `anonymous discover "" "t"`},
		"GET /get_producer":                  {query: "?topic=t", asks: `anonymous discover "" "t"`},
		"POST /publish":                      {body: `{"topic":"t","value":1}`, asks: `anonymous publish "default" "t"`},
		"POST /subscribe":                    {body: `{"topic":"t"}`, asks: `anonymous subscribe "" "t"`},
		"GET /v1/messages":                   {query: "?topic=t", asks: `anonymous subscribe "" "t"`},
		"POST /v1/subscriptions":             {body: `{"topic":"t","callback":"https://192.0.2.7/"}`, asks: `anonymous subscribe "" "t"`},
		"GET /v1/subscriptions":              {asks: `anonymous subscribe "" ""`},
		"GET /v1/subscriptions/{id}":         {asks: `anonymous subscribe "" "t"`},
		"PATCH /v1/subscriptions/{id}":       {body: `{"topic":"t"}`, asks: `anonymous subscribe "" "t"`},
		"DELETE /v1/subscriptions/{id}":      {asks: `anonymous subscribe "" "t"`},
		"POST /v1/subscriptions/{id}/pause":  {asks: `anonymous subscribe "" "t"`},
		"POST /v1/subscriptions/{id}/resume": {asks: `anonymous subscribe "" "t"`},
		"POST /v1/subscriptions/{id}/rotate": {asks: `anonymous subscribe "" "t"`},
		"GET /v1/deadletters":                {query: "?subscription=" + hook.ID, asks: `anonymous subscribe "" "t"`},
		"DELETE /v1/deadletters":             {query: "?subscription=" + hook.ID, asks: `anonymous subscribe "" "t"`},
		"POST /v1/deadletters/redrive":       {query: "?subscription=" + hook.ID, asks: `anonymous subscribe "" "t"`},
		"GET /v1/deadletters/{id}":           {asks: `anonymous subscribe "" "sensor/#"`},
		"DELETE /v1/deadletters/{id}":        {asks: `anonymous subscribe "" "sensor/#"`},
		"POST /v1/deadletters/{id}/redrive":  {asks: `anonymous subscribe "" "sensor/#"`},
		"GET /v1/gaps":                       {query: "?topic=t", asks: `anonymous subscribe "" "t"`},
		"GET /v1/ledger":                     {query: "?publisher=a/b", asks: `anonymous discover "" ""`},
		"GET /healthz":                       {},
		"GET /readyz":                        {},
		"GET /metrics":                       {},
		"GET /openapi.yaml":                  {},
	}
	err = s.api.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		request, known := requests[methods[0]+" "+path]
		if !known {
			t.Errorf("%s %s: add it to this test", methods[0], path)
			return nil
		}
		path = strings.Replace(path, "deadletters/{id}", "deadletters/"+letter.ID, 1)
		path = strings.Replace(path, "{id}", hook.ID, 1)
		a := s.do(t, methods[0], path+request.query, request.body)
		asked := authorizer.take()
		switch {
		case request.asks == "" && (a.status != http.StatusOK || len(asked) != 0):
			t.Errorf("%s: %d, asked %q", path, a.status, asked)
		case request.asks != "" && (a.status != http.StatusForbidden || len(asked) != 1 || asked[0] != request.asks):
			t.Errorf("%s: %d, asked %q, want %q", path, a.status, asked, request.asks)
		case request.asks != "":
			describeProblem(t, a)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWebhookAuthorizes(t *testing.T) {
	authorizer := &recordingAuthorizer{}
	s := startService(t, func(o *APIOptions) { o.Authorizer = authorizer })
	a := s.do(t, "POST", "/subscribe?topic=t&callback=http://x/", "")
	if asked := authorizer.take(); a.status != http.StatusForbidden || len(asked) != 1 || asked[0] != `anonymous subscribe "" "t"` {
		t.Errorf("%d, asked %q", a.status, asked)
	}
}
