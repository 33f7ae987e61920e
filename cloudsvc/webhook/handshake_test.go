package webhook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		rate         float64
		status       int
		origin, text string // WebHook-Allowed-Origin and -Rate
		asked        string // WebHook-Request-Rate
		want         float64
		wrong        string
	}{
		{name: "ours", status: 200, origin: "datastub.test", text: "120", want: 2},
		{name: "anyone's", rate: 1.001, status: 204, origin: "*", text: "*", asked: "61"},
		{name: "without a rate", status: 200, origin: "DataStub.test"},
		{name: "no consent", status: 200, wrong: `WebHook-Allowed-Origin "": want "datastub.test" or *`},
		{name: "another's", status: 200, origin: "evil.test", wrong: `WebHook-Allowed-Origin "evil.test"`},
		{name: "not known", status: 405, origin: "*", wrong: "with 405: want 200"},
		{name: "a redirect", status: 307, origin: "*", wrong: "with 307"},
		{name: "no rate", status: 200, origin: "*", text: "fast", wrong: `WebHook-Allowed-Rate "fast": want a whole number`},
		{name: "nothing allowed", status: 200, origin: "*", text: "0", wrong: `WebHook-Allowed-Rate "0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got <- fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get(headerOrigin), " ", r.Header.Get(headerRate))
				w.Header().Set(headerAllowedOrigin, test.origin)
				w.Header().Set(headerAllowedRate, test.text)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			allowed, err := newSender(t, anywhere{}).Handshake(t.Context(), server.URL+"/s3cret", test.rate)
			if test.wrong == "" && (err != nil || allowed != test.want) {
				t.Errorf("%v, %v, want %v", allowed, err, test.want)
			}
			if test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("%v, want %s", err, test.wrong)
			}
			if want := "OPTIONS /s3cret datastub.test " + test.asked; <-got != want {
				t.Errorf("the receiver was not asked %q", want)
			}
		})
	}
}

func TestHandshakeIsGuarded(t *testing.T) {
	t.Parallel()
	_, err := newSender(t, nowhere{}).Handshake(t.Context(), "http://127.0.0.1:1/s3cret", 0)
	if err == nil || !strings.Contains(err.Error(), "is loopback") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v, want it refused", err)
	}
}
