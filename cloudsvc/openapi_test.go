package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gorilla/mux"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPIDocument)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	var described []string
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	s := startService(t, nil)
	var routed []string
	err := s.api.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		routed = append(routed, methods[0]+" "+path) // HEAD, the second, goes without saying
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("the document has %q\nthe router has %q", described, routed)
	}
}

func TestOpenAPIListsEveryProblem(t *testing.T) {
	listed := make(map[string]bool)
	for _, value := range loadOpenAPI(t).Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		listed[value.(string)] = true
	}
	known := map[string]bool{
		problemKinds.Problem(rest.Invalid("", errors.New("x"))).Type: true,
		problemKinds.Problem(&http.MaxBytesError{}).Type:             true,
	}
	for _, kind := range problemKinds {
		known[kind.Type()] = true
	}
	if !maps.Equal(listed, known) {
		t.Errorf("the document lists %v\nthe table has %v", listed, known)
	}
}

// TestOpenAPIHolds sends good and bad requests and holds both sides to the
// document: what it allows is answered with success, what it forbids with a
// problem, and every answer is as it says.
func TestOpenAPIHolds(t *testing.T) {
	tests := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/register", `{"id":"line-3/labeller","address":"tcp://192.0.2.7:5556","topics":["sensor/a"]}`, 200},
		{"POST", "/register", `{"id":"other"}`, 200},
		{"POST", "/register", `{"id":"other","topics":["a b"]}`, 400},
		{"POST", "/register", `{"name":"other"}`, 400},
		{"POST", "/register", `[]`, 400},
		{"POST", "/register", `{"id":"edge-1/mapper"}`, 409},
		{"GET", "/discover", "", 200},
		{"GET", "/discover?topic=sensor/%2B", "", 200},
		{"GET", "/get_producer?topic=sensor/a", "", 200},
		{"GET", "/get_producer?topic=nobody", "", 200},
		{"GET", "/get_producer", "", 400},
		{"POST", "/publish", `{"topic":"sensor/a","value":1}`, 202},
		{"POST", "/publish", `[{"topic":"sensor/a","value":"x"},{"topic":"b","value":null,"type":"float"}]`, 202},
		{"POST", "/publish", `{"topic":"a/b","value":"AQI=","type":"bytes","class":"RT","unit":"°C","namespace":"n","device":"d","property":"p","time":"2026-01-02T03:04:05.5Z","quality":"bad: stuck"}`, 202},
		{"POST", "/publish", `{"topic":"a","value":1,"id":"edge-1/mapper/RT/7/42","node":"edge-1","seq":42,"position":"AQAA"}`, 202},
		{"POST", "/publish", `{"topic":"sensor/a"}`, 400},
		{"POST", "/publish", `{"topic":"a","value":1,"Topic":"b"}`, 400},
		{"POST", "/publish", `{"topic":"sensor//a","value":1}`, 400},
		{"POST", "/publish", `{"topic":"a","value":1,"class":"XT"}`, 400},
		{"POST", "/publish", `{"topic":"a","value":1,"device":"d/e"}`, 400},
		{"POST", "/publish", `{"topic":"a","value":1,"more":1}`, 400},
		{"POST", "/publish", `[]`, 400},
		{"POST", "/subscribe", `{}`, 400},
		{"POST", "/subscribe", `{"topic":""}`, 400},
		{"POST", "/subscribe", `{"topic":"a","since":"yesterday"}`, 400},
		{"POST", "/subscribe", `{"topic":"a","after":"?"}`, 400},
		{"GET", "/v1/messages?topic=a&since=x", "", 400},
		{"GET", "/v1/messages?topic=a&after=x", "", 400},
		{"GET", "/v1/messages?topic=a&limit=0", "", 400},
		{"GET", "/v1/messages", "", 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","maxInFlight":2,"maxRate":1.5,"since":"1h"}`, 201},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","signature":"v1a"}`, 201},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","signature":"v2"}`, 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","handshake":"cloudevents"}`, 201},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","handshake":"options"}`, 400},
		{"POST", "/subscribe?topic=a&callback=https://192.0.2.7/x", "", 201},
		{"POST", "/v1/subscriptions", `{"topic":"a/#"}`, 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"ftp://192.0.2.7/x"}`, 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","maxInFlight":65}`, 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","maxInFlight":1.5}`, 400},
		{"POST", "/v1/subscriptions", `{"topic":"a/#","callback":"https://192.0.2.7/x","maxRate":-1}`, 400},
		{"GET", "/v1/subscriptions", "", 200},
		{"GET", "/v1/subscriptions/ID", "", 200},
		{"PATCH", "/v1/subscriptions/ID", `{"topic":"b"}`, 200},
		{"PATCH", "/v1/subscriptions/ID", `{"topic":""}`, 400},
		{"PATCH", "/v1/subscriptions/ID", `{"maxInFlight":null,"maxRate":null,"batch":null,"window":null,"handshake":null}`, 200},
		{"PATCH", "/v1/subscriptions/ID", `{"batch":{"maxCount":10,"maxWait":null},"handshake":"cloudevents"}`, 200},
		{"PATCH", "/v1/subscriptions/ID", `{"callback":null}`, 400},
		{"PATCH", "/v1/subscriptions/ID", `[{"topic":"b"}]`, 400},
		{"PATCH", "/v1/subscriptions/ID", `{"handshake":1}`, 400},
		{"PATCH", "/v1/subscriptions/ID", `{"id":"b"}`, 400},
		{"PATCH", "/v1/subscriptions/ID", `{"signature":"v1a"}`, 400},
		{"POST", "/v1/subscriptions/ID/pause", "", 200},
		{"POST", "/v1/subscriptions/ID/resume", "", 200},
		{"POST", "/v1/subscriptions/ID/rotate", "", 200},
		{"DELETE", "/v1/subscriptions/ID", "", 204},
		{"GET", "/v1/subscriptions/nobody", "", 404},
		{"GET", "/v1/deadletters", "", 200},
		{"GET", "/v1/deadletters?subscription=sub_aaaaaaaaaaaaaaaaaaaaaaaaaa&reason=refused&limit=1&cursor=0", "", 200},
		{"GET", "/v1/deadletters?reason=x", "", 400},
		{"GET", "/v1/deadletters?limit=1001", "", 400},
		{"GET", "/v1/deadletters?cursor=-", "", 400},
		{"GET", "/v1/deadletters?subscription=x", "", 400},
		{"GET", "/v1/deadletters/LETTER", "", 200},
		{"GET", "/v1/deadletters/nobody", "", 404},
		{"POST", "/v1/deadletters/nobody/redrive", "", 404},
		{"POST", "/v1/deadletters/LETTER/redrive", "", 409},
		{"POST", "/v1/deadletters/redrive?subscription=sub_aaaaaaaaaaaaaaaaaaaaaaaaaa", "", 409},
		{"POST", "/v1/deadletters/redrive", "", 400},
		{"DELETE", "/v1/deadletters/LETTER", "", 204},
		{"DELETE", "/v1/deadletters/LETTER", "", 404},
		{"DELETE", "/v1/deadletters?subscription=sub_aaaaaaaaaaaaaaaaaaaaaaaaaa", "", 204},
		{"DELETE", "/v1/deadletters", "", 400},
		{"GET", "/v1/gaps", "", 200},
		{"GET", "/v1/gaps?topic=sensor/%2B&publisher=edge-1/mapper&since=2026-08-01T12:00:00Z&limit=1", "", 200},
		{"GET", "/v1/gaps?topic=%24events/gap", "", 200},
		{"GET", "/v1/gaps?limit=0", "", 400},
		{"GET", "/v1/gaps?limit=x", "", 400},
		{"GET", "/v1/gaps?publisher=edge-1", "", 400},
		{"GET", "/v1/ledger", "", 200},
		{"GET", "/v1/ledger?publisher=edge-1/mapper", "", 200},
		{"GET", "/v1/ledger?publisher=edge-1", "", 400},
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/metrics", "", 200},
		{"GET", "/openapi.yaml", "", 200},
	}
	doc := loadOpenAPI(t)
	s := startService(t, nil)
	s.registry.Seen("edge-1/mapper", "")
	s.registry.Reported("edge-1/mapper", testReport())
	doc.Servers = openapi3.Servers{{URL: s.url}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	id := s.makeHook(t, "/v1/subscriptions", `{"topic":"a","callback":"https://192.0.2.7/x"}`).ID
	letter := testDeadLetter("sub_aaaaaaaaaaaaaaaaaaaaaaaaaa", 1)
	if err := s.api.options.Hooks.bury(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s %.60s", tt.method, tt.path, tt.body), func(t *testing.T) {
			tt.path = strings.Replace(strings.Replace(tt.path, "/ID", "/"+id, 1), "/LETTER", "/"+letter.ID, 1)
			input := validateRequest(t, s, router, tt.method, tt.path, tt.body, tt.status != http.StatusBadRequest)
			a := s.do(t, tt.method, tt.path, tt.body)
			if a.status != tt.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
			validateResponse(t, input, a)
		})
	}
}

// validateRequest checks that the document allows or forbids a request.
func validateRequest(t *testing.T, s *testService, router routers.Router, method, path, body string, good bool) *openapi3filter.RequestValidationInput {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Fatal(err)
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	if err := openapi3filter.ValidateRequest(t.Context(), input); (err == nil) != good {
		t.Errorf("the document says of the request: %v, want it good: %v", err, good)
	}
	return input
}

func validateResponse(t *testing.T, request *openapi3filter.RequestValidationInput, a answer) {
	t.Helper()
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: a.status, Header: a.header,
		Body:    io.NopCloser(bytes.NewReader([]byte(a.body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("the document says of the answer: %v", err)
	}
}

func TestOpenAPIHoldsForStreams(t *testing.T) {
	doc := loadOpenAPI(t)
	content := doc.Paths.Find("/subscribe").Post.Responses.Status(http.StatusOK).Value.Content["application/x-ndjson"]
	s := startService(t, nil)
	stream := s.subscribe(t, "#")
	values := []dataplane.Value{
		dataplane.IntValue(-1), dataplane.FloatValue(21.3), dataplane.BooleanValue(true),
		dataplane.StringValue("x"), dataplane.BytesValue([]byte{1}),
	}
	for i, v := range values {
		s.deliver(uint64(i+1), "sensor/a", v)
	}
	s.dispatcher.Deliver(dataplane.RT, 9, nil, gapsBefore(0, gapFrame(1, 2, "a", "b")))
	s.stop()
	for i := range len(values) + 3 { // two gaps and the last line
		line, err := stream.lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var decoded any
		if err := json.Unmarshal(line, &decoded); err != nil {
			t.Fatal(err)
		}
		if err := content.Schema.Value.VisitJSON(decoded); err != nil {
			t.Errorf("line %d, %s: %v", i, line, err)
		}
	}
}
