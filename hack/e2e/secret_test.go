package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// What of a callback only its owner may know.
const (
	secretPath     = "p4th-s3cret"
	secretQuery    = "qu3ry-s3cret"
	secretUser     = "us3r-s3cret"
	secretPassword = "pa55word-s3cret"
)

// badReceiver fails in the way that the end of the path names, and says what it was
// asked for as often as it can.
func badReceiver(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice who leaves
	echo := "Cannot POST " + r.URL.String() + " " + r.URL.Path + " " + r.URL.Query().Get("token")
	w.Header().Set("WebHook-Allowed-Origin", r.URL.Query().Get("token"))
	w.Header().Set("Location", r.URL.String()+"/elsewhere")
	switch _, way, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); way {
	case "later":
		w.Header().Set("Retry-After", r.URL.Query().Get("token"))
		http.Error(w, echo, http.StatusTooManyRequests)
	case "refused":
		http.Error(w, echo, http.StatusBadRequest)
	case "gone":
		http.Error(w, echo, http.StatusGone)
	case "redirect":
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "broken":
		panic(http.ErrAbortHandler)
	case "garbage":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, echo+"\r\n")
			_ = conn.Close()
		}
	case "silent":
		<-r.Context().Done()
	case "done":
	default:
		http.Error(w, echo, http.StatusInternalServerError)
	}
}

// A gossip keeps all that cloudsvc answers, but for the secrets that it makes.
type gossip struct {
	s       *stack.Stack
	secrets []string
	said    strings.Builder
}

// ask sends a request, and keeps the answer unless it brings a secret.
func (g *gossip) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Secret string }
	if json.Unmarshal(answer, &made) == nil && made.Secret != "" {
		g.secrets = append(g.secrets, strings.TrimPrefix(made.Secret, "whsec_"))
		return string(answer)
	}
	g.said.Write(answer)
	return string(answer)
}

// subscribe makes a subscription, or fails the test.
func (g *gossip) subscribe(t *testing.T, callback, signature string) (path string) {
	t.Helper()
	answer := g.ask(t, "POST", "/v1/subscriptions", fmt.Sprintf(`{"topic":"t","callback":%q,"signature":%q}`, callback, signature))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &made); err != nil || made.ID == "" {
		t.Fatalf("subscribe: %s", answer)
	}
	return "/v1/subscriptions/" + made.ID
}

// refuse has what is wrong with a callback be told in every way.
func (g *gossip) refuse(t *testing.T, server, path string) {
	t.Helper()
	hidden := fmt.Sprintf("%s/refused?token=%s", secretPath, secretQuery)
	host := strings.TrimPrefix(server, "http://")
	for _, callback := range []string{
		fmt.Sprintf("http://%s:%s@%s/%s", secretUser, secretPassword, host, hidden),
		server + "/" + hidden + "#" + secretPath, "ftp://" + host + "/" + hidden, "http://10.0.0.1/" + hidden, "http:///" + hidden,
		server + "/%zz" + hidden, server + ":x/" + hidden, "http://\u00a0/" + hidden, server + "/" + hidden + strings.Repeat("x", 2048),
	} {
		quoted, err := json.Marshal(callback)
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range []string{
			`"callback":%s`, `"callback":[%s]`, `"callback":%[1]s,"callback":%[1]s`, `"callback":%s,"handshake":"cloudevents"`, `"callback":%s` + "\x01", `"callback":%s,"maxRate":"x"`,
		} {
			fields = fmt.Sprintf(fields, quoted)
			g.mustRefuse(t, "POST", "/v1/subscriptions", `{"topic":"t",`+fields+`}`)
			g.mustRefuse(t, "PATCH", path, `{`+fields+`}`)
		}
		g.mustRefuse(t, "POST", "/subscribe?topic=t&callback="+url.QueryEscape(callback), "")
	}
	for _, query := range []string{"%zz", "&" + secretPath, "&" + secretPath + "=1", ";" + secretPath, "&callback=" + secretPath} {
		g.mustRefuse(t, "POST", "/subscribe?topic=t&callback="+server+"/"+hidden+query, "")
		g.mustRefuse(t, "POST", "/v1/subscriptions?callback="+server+"/"+hidden+query, `{"topic":"t"}`)
	}
	for _, way := range []string{"done", "refused", "redirect", "broken", "garbage"} {
		asked := fmt.Sprintf(`{"topic":"t","callback":"%s/%s/%s?token=%s","handshake":"cloudevents"}`, server, secretPath, way, secretQuery)
		g.mustRefuse(t, "POST", "/v1/subscriptions", asked)
		g.mustRefuse(t, "PATCH", path, asked)
	}
}

func (g *gossip) mustRefuse(t *testing.T, method, path, body string) {
	t.Helper()
	if answer := g.ask(t, method, path, body); !strings.Contains(answer, `"status":400`) {
		t.Errorf("%s %s %s: %s, want 400", method, path, body, answer)
	}
}

// TestSecretsStay has cloudsvc log all that it can while webhooks fail in every
// way, and asks all that it answers: no secret, nor what a callback hides, is in
// any of it.
func TestSecretsStay(t *testing.T) {
	s := stack.New(t, append([]string{"-v=10"}, allowLoopback...)...)
	g := &gossip{s: s, secrets: []string{secretPath, secretQuery, secretUser, secretPassword, "whsk_"}}
	events := follow(t, s, "$events/#")
	plain, untrusted, closed := httptest.NewServer(http.HandlerFunc(badReceiver)), httptest.NewTLSServer(http.HandlerFunc(badReceiver)), httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	t.Cleanup(untrusted.Close)
	closed.Close()

	servers := map[string]string{
		"certificate": untrusted.URL, "closed": closed.URL, "name": "http://nobody.invalid", "TLS": strings.Replace(plain.URL, "http:", "https:", 1),
	}
	for _, way := range []string{"later", "refused", "gone", "redirect", "broken", "garbage", "silent", "error"} {
		servers[way] = plain.URL
	}
	paths := make(map[string]string)
	for way, server := range servers {
		paths[way] = g.subscribe(t, fmt.Sprintf("%s/%s/%s?token=%s", server, secretPath, way, secretQuery), []string{"v1", "v1a"}[len(paths)%2])
	}
	g.refuse(t, plain.URL, paths["error"])
	c := newClient(t, s)
	for _, class := range dataplane.Classes {
		if _, err := c.Publish(t.Context(), dataplane.Message{Topic: "t", Class: class, Value: dataplane.IntValue(1)}); err != nil {
			t.Fatal(err)
		}
	}
	for way, path := range paths {
		await(t, "failure of "+way, func() bool {
			shown := g.ask(t, "GET", path, "")
			return strings.Contains(shown, `"state":"disabled"`) || !strings.Contains(shown, `"lastError":""`)
		})
		g.ask(t, "POST", path+"/rotate", "")
		g.ask(t, "POST", path+"/pause", "")
		g.ask(t, "POST", path+"/resume", "")
	}
	list, err := c.DeadLetters(t.Context(), client.DeadLetterQuery{})
	if err != nil || len(list.DeadLetters) < 2 { // of what was refused, and redirected
		t.Errorf("%d dead letters, %v, want 2 at least", len(list.DeadLetters), err)
	}
	for _, d := range list.DeadLetters {
		g.ask(t, "POST", "/v1/deadletters/"+d.ID+"/redrive", "")
		g.ask(t, "GET", "/v1/deadletters/"+d.ID, "")
	}
	for _, path := range []string{"/v1/subscriptions", "/v1/deadletters", "/v1/gaps", "/v1/ledger", "/discover", "/healthz", "/readyz", "/metrics"} {
		g.ask(t, "GET", path, "")
	}
	for _, path := range paths {
		g.ask(t, "DELETE", path, "")
	}
	await(t, "events of the end", func() bool { return strings.Count(fmt.Sprint(events.messages()), "deleted") >= len(paths) })
	s.Cloudsvc.Stop()
	said := g.said.String() + fmt.Sprint(events.messages()) + s.Cloudsvc.Log.String()
	if !strings.Contains(said, "request refused") || !strings.Contains(said, "Cannot POST") {
		t.Error("cloudsvc does not log all that it can, or shows no answer of a receiver")
	}
	for _, secret := range g.secrets {
		if at := strings.Index(said, secret); at >= 0 {
			t.Errorf("%s is in %q", secret, said[max(0, at-200):min(len(said), at+100)])
		}
	}
}
