package cloudsvc

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"datastub/cloudsvc/webhook"
)

// testHooks are durable subscriptions that do not run.
func testHooks(t *testing.T, d *Dispatcher) *Hooks {
	t.Helper()
	store := newMemoryHooks()
	h, err := NewHooks(t.Context(), HooksOptions{Dispatcher: d, Store: store, DeadLetters: store, Sender: &testReceiver{answer: always(webhook.Done)}, Handshaker: consent(0)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *testService) makeHook(t *testing.T, path, body string) hookMade {
	t.Helper()
	a := s.do(t, http.MethodPost, path, body)
	var made hookMade
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated {
		t.Fatalf("%d %s, want 201 with an id and a secret", a.status, a.body)
	}
	if want := "/v1/subscriptions/" + made.ID; a.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", a.header.Get("Location"), want)
	}
	return made
}

func TestSubscriptionIsMadeAndShown(t *testing.T) {
	s := startService(t, nil)
	for _, made := range []hookMade{
		s.makeHook(t, "/v1/subscriptions", `{"topic":"sensor/#","callback":"https://192.0.2.7/s3cret?x=s3cret","maxInFlight":4,"maxRate":0.5}`),
		s.makeHook(t, "/subscribe?topic=sensor/%23&callback=https://192.0.2.7/s3cret", ""),
	} {
		if _, err := webhook.ParseKey(made.Secret); err != nil {
			t.Errorf("secret: %v", err)
		}
		for _, path := range []string{"/v1/subscriptions/" + made.ID, "/v1/subscriptions"} {
			a := s.do(t, http.MethodGet, path, "")
			if a.status != http.StatusOK || !strings.Contains(a.body, made.ID) {
				t.Errorf("GET %s: %d %s, want the subscription", path, a.status, a.body)
			}
			if strings.Contains(a.body, "s3cret") || strings.Contains(a.body, "whsec_") {
				t.Errorf("GET %s shows a secret: %s", path, a.body)
			}
		}
	}
}

// TestCallbackInQuery has what is wrong be told without the callback.
func TestCallbackInQuery(t *testing.T) {
	s := startService(t, nil)
	for _, test := range []struct{ query, body, want string }{
		{"topic=a&callback=https://192.0.2.7/s3cret", `{"topic":"b"}`, "body is not empty: want none beside a callback in the query"},
		{"topic=a&callback=https://192.0.2.7/s3cret", " ", "body is not empty"},
		{"topic=a&callback=https://192.0.2.7/s3cret&callback=https://192.0.2.7/s3cret", "", `"field":"callback","detail":"callback is given 2 times: want it once"`},
		{"topic=a&callback=https://192.0.2.7/s3cret?a=1%26b&s3cret", "", `"field":"query","detail":"a parameter beside callback is not known: want topic, callback, and what is in callback percent-encoded"`},
		{"callback=https://192.0.2.7/%s3cret", "", "query cannot be read"},
		{"callback=https://192.0.2.7/;s3cret", "", "query cannot be read"},
		{"topic=a&callback=https://user:s3cret@192.0.2.7/", "", "with a user"},
		{"topic=a&callback=https://10.0.0.1/s3cret", "", "private"},
		{"topic=a&callback=https://192.0.2.7/%23s3cret", "", "with a fragment"},
		{"topic=a&callback=", "", "URL of the receiver is missing: want one such as https://"},
		{"topic=a&callback=app.example.com", "", "neither http:// nor https://"},
		{"callback=https://192.0.2.7/s3cret", "", `"field":"topic"`},
	} {
		a := s.do(t, http.MethodPost, "/subscribe?"+test.query, test.body)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, test.want) || strings.Contains(a.body, "s3cret") {
			t.Errorf("%s with %q: %d %s, want 400 with %s", test.query, test.body, a.status, a.body, test.want)
		}
	}
	if all := s.api.options.Hooks.List(); len(all) != 0 {
		t.Errorf("%d subscriptions", len(all))
	}
}

func TestSubscriptionWithPublicKey(t *testing.T) {
	s := startService(t, nil)
	made := s.makeHook(t, "/v1/subscriptions", `{"topic":"a","callback":"https://192.0.2.7/a","signature":"v1a"}`)
	if made.Secret != "" || !strings.HasPrefix(made.PublicKey, "whpk_") {
		t.Errorf("%+v, want a public key and no secret", made)
	}
	path := "/v1/subscriptions/" + made.ID
	shows := func(publicKey string) {
		t.Helper()
		if a := s.do(t, http.MethodGet, path, ""); !strings.Contains(a.body, `"signature":"v1a","publicKey":"`+publicKey+`"`) || strings.Contains(a.body, "whsk_") {
			t.Errorf("%s, want the public key %s only", a.body, publicKey)
		}
	}
	shows(made.PublicKey)
	var rotated hookMade
	a := s.do(t, http.MethodPost, path+"/rotate", "")
	if err := json.Unmarshal([]byte(a.body), &rotated); err != nil || rotated.Secret != "" || rotated.PublicKey == made.PublicKey {
		t.Errorf("rotate: %s, want another public key", a.body)
	}
	shows(rotated.PublicKey)
}

func TestSubscriptionChanges(t *testing.T) {
	s := startService(t, nil)
	made := s.makeHook(t, "/v1/subscriptions", `{"topic":"sensor/#","callback":"https://192.0.2.7/a"}`)
	path := "/v1/subscriptions/" + made.ID
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PATCH", path, `{"maxInFlight":8}`, 200, `"maxInFlight":8`},
		{"PATCH", path, `{"topic":"other"}`, 200, `"topic":"other"`},
		{"PATCH", path, `{"maxInFlight":0}`, 400, "maxInFlight 0: want 1 to 64"},
		{"PATCH", path, `{"topic":"other"}`, 200, `"batch":{"maxCount":1000,"maxBytes":262144,"maxWait":"5s"}`},
		{"PATCH", path, `{"batch":{"maxCount":10,"maxBytes":"64Ki"}}`, 200, `"batch":{"maxCount":10,"maxBytes":65536,"maxWait":"5s"}`},
		{"PATCH", path, `{"batch":{"maxWait":"2h"}}`, 400, `{"field":"batch.maxWait","detail":"batch.maxWait 2h0m0s: want 0s to 1h0m0s"}`},
		{"PATCH", path, `{"batch":{"maxWait":"1s"}}`, 200, `"batch":{"maxCount":10,"maxBytes":65536,"maxWait":"1s"}`},
		{"PATCH", path, `{"batch":{"maxBytes":null}}`, 200, `"batch":{"maxCount":10,"maxBytes":262144,"maxWait":"1s"}`},
		{"PATCH", path, `{"batch":{"maxCont":null}}`, 400, `{"field":"batch.maxCont","detail":"\"batch.maxCont\" is no known field`},
		{"PATCH", path, `{"batch":{"maxCount":1,"maxCount":2}}`, 400, `batch.maxCount is given twice`},
		{"PATCH", path, `{"batch":{"maxCount":0}}`, 400, `"detail":"batch.maxCount 0: want 1 to 10000"`},
		{"PATCH", path, `{"callback":"https://192.0.2.7:99999/a"}`, 400, `"detail":"URL of the receiver is at a port that there is not, of 1 to 65535`},
		{"PATCH", path, `{"window":{"size":"5m","functions":["avg"]}}`, 400, "either merged or reduced"},
		{"PATCH", path, `{"batch":null}`, 200, `"maxCount":1000`},
		{"PATCH", path, `{"window":{"size":"5m","functions":["avg"]}}`, 200, `"window":{"size":"5m0s","by":["namespace","topic","device"],"functions":["avg"],"lateness":"10s"}`},
		{"PATCH", path, `{"window":{"size":"10m","functions":["min","max"]}}`, 200, `"window":{"size":"10m0s","by":["namespace","topic","device"],"functions":["min","max"],"lateness":"10s"}`},
		{"PATCH", path, `{"window":{"slide":"5m"}}`, 200, `"window":{"size":"10m0s","slide":"5m0s",`},
		{"PATCH", path, `{"window":{"slide":null,"lateness":"1m"}}`, 200, `"window":{"size":"10m0s","by":["namespace","topic","device"],"functions":["min","max"],"lateness":"1m0s"}`},
		{"PATCH", path, `{"window":{"size":null}}`, 400, `"field":"window.size"`},
		{"PATCH", path, `{"window":{"size":"0s","functions":["avg"]}}`, 400, `"field":"window.size"`},
		{"PATCH", path, `{"window":null,"batch":{"maxCount":7}}`, 200, `"batch":{"maxCount":7,"maxBytes":262144,"maxWait":"5s"}`},
		{"PATCH", path, `{"topic":null,"callback":null}`, 400, `{"field":"topic","detail":"filter is empty`},
		{"PATCH", path, `{"topic":null,"callback":null}`, 400, `{"field":"callback","detail":"URL of the receiver is`},
		{"PATCH", path, `{"maxInFlight":null}`, 200, `"maxInFlight":1,`},
		{"PATCH", path, `{"maxRate":2}`, 200, `"maxRate":2,"rate":2,`},
		{"PATCH", path, `{"maxRate":null}`, 200, `"maxRate":0,"rate":0,`},
		{"PATCH", path, `{"maxRate":0.00001}`, 400, "maxRate 1e-05: want 0.0001 to 100000 requests a second, or 0 for no limit"},
		{"PATCH", path, `{"maxRate":"2"}`, 400, `"detail":"maxRate \"2\": want a number of requests a second"`},
		{"PATCH", path, `{"maxInFlight":1.5}`, 400, `"detail":"maxInFlight 1.5: want a whole number from 1 to 64"`},
		{"PATCH", path, `{"topic":["a"]}`, 400, `"detail":"topic is a JSON array: want a string"`},
		{"PATCH", path, `{"handshake":true}`, 400, `"detail":"handshake is a JSON boolean: want a string"`},
		{"PATCH", path, `{"handshake":"options"}`, 400, `"detail":"handshake \"options\": want none or cloudevents"`},
		{"PATCH", path, `{"callback":"https://192.0.2.7/a","callback":"https://192.0.2.7/b"}`, 400, `"detail":"callback is given twice: want it once"`},
		{"PATCH", path, `{"signature":"v1a","since":"1h"}`, 400, `"detail":"\"signature\" is no known field: want one of topic, callback, maxInFlight, maxRate, batch, window, handshake"`},
		{"PATCH", path, `{"Topic":null}`, 400, `want topic`},
		{"PATCH", path, `null`, 400, "body is a JSON null: want an object"},
		{"PATCH", path, `[]`, 400, "body is a JSON array: want an object"},
		{"PATCH", path, ``, 400, "body is empty"},
		{"PATCH", path, `{}`, 200, `"topic":"other"`},
		{"PATCH", path, `{"window":5}`, 400, "window is a JSON number: want an object"},
		{"PATCH", path, `{"batch":[]}`, 400, "batch is a JSON array: want an object"},
		{"PATCH", path, `{"callback":"http://10.0.0.1/"}`, 400, "private (RFC 1918)"},
		{"POST", path + "/pause", "", 200, `"state":"paused"`},
		{"POST", path + "/resume", "", 200, `"state":"active"`},
		{"POST", path + "/rotate", "", 200, "whsec_"},
		{"PUT", path, "", 405, "Allow"},
		{"DELETE", path, "", 204, ""},
		{"DELETE", path, "", 404, "no-such-subscription"},
	} {
		a := s.do(t, test.method, test.path, test.body)
		if a.status != test.status || !strings.Contains(a.body, test.want) {
			t.Errorf("%s %s %s: %d %s, want %d with %q", test.method, test.path, test.body, a.status, a.body, test.status, test.want)
		}
		if allow := a.header.Get("Allow"); test.status == 405 && allow != "GET, HEAD, PATCH, DELETE" {
			t.Errorf("Allow %q", allow)
		}
	}
}
