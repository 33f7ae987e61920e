package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// A delivery is a request as a receiver gets it.
type delivery struct {
	header http.Header
	body   []byte
}

// startMailbox starts a receiver that takes everything.
func startMailbox(t *testing.T) (url string, deliveries <-chan delivery) {
	t.Helper()
	box := make(chan delivery, 16) // more than a test has sent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		box <- delivery{r.Header, body}
	}))
	t.Cleanup(server.Close)
	return server.URL, box
}

// A javaScript is a receiver in JavaScript, with its library installed.
type javaScript string

// installJavaScript installs what package-lock.json pins.
func installJavaScript(t *testing.T) javaScript {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "verify"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return javaScript(dir)
}

// verification is one request for node, which holds a key.
type verification struct {
	name    string
	good    bool
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"` // names in lower case
	Body    []byte            `json:"body"`
}

// verify has node verify, and fails unless it takes what is good, and nothing else.
func (js javaScript) verify(t *testing.T, cases []verification) {
	t.Helper()
	var in bytes.Buffer
	for _, c := range cases {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), "node", "verify.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = string(js), &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	verdicts := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(verdicts) != len(cases) {
		t.Fatalf("node says %q to %d requests", verdicts, len(cases))
	}
	for i, c := range cases {
		if good := verdicts[i] == "true"; good != c.good || !good && !strings.Contains(verdicts[i], "matching signature") {
			t.Errorf("%s: node says %s, want it good: %v", c.name, verdicts[i], c.good)
		}
	}
}

// verifications are a delivery as it is, and with one byte of each part changed.
func verifications(name, key string, d delivery) []verification {
	headers := make(map[string]string)
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		headers[name] = d.header.Get(name)
	}
	cases := []verification{{name, true, key, headers, d.body}}
	body := bytes.Clone(d.body)
	body[len(body)/2] ^= 1
	cases = append(cases, verification{name + ", body changed", false, key, headers, body})
	for name, change := range map[string]func(string) string{
		"webhook-id": func(id string) string { return flip(id, len(id)-1) },
		"webhook-timestamp": func(text string) string {
			seconds, _ := strconv.Atoi(text)
			return strconv.Itoa(seconds ^ 1) // within the tolerance
		},
		"webhook-signature": func(text string) string {
			signatures := strings.Fields(text)
			for i, s := range signatures {
				signatures[i] = flip(s, strings.IndexByte(s, ',')+5)
			}
			return strings.Join(signatures, " ")
		},
	} {
		changed := maps.Clone(headers)
		changed[name] = change(changed[name])
		cases = append(cases, verification{name + " changed", false, key, changed, d.body})
	}
	return cases
}

// flip changes one character to another letter.
func flip(text string, at int) string {
	b := []byte(text)
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// TestSignatures has receivers that are not ours verify what cloudsvc delivers, by
// a secret and by a public key, and by both keys while they are exchanged.
func TestSignatures(t *testing.T) {
	js := installJavaScript(t)
	s := stack.New(t, allowLoopback...)
	c := newClient(t, s)
	deliver := func(box <-chan delivery) delivery {
		t.Helper()
		if _, err := c.Publish(t.Context(), dataplane.Message{Topic: "signed", Class: dataplane.RT, Unit: "°C", Value: dataplane.DoubleValue(21.5)}); err != nil {
			t.Fatal(err)
		}
		return <-box
	}
	for _, signature := range []string{"v1", "v1a"} {
		t.Run(signature, func(t *testing.T) {
			url, box := startMailbox(t)
			made, err := c.CreateWebhook(t.Context(), client.NewWebhook{Topic: "signed", Callback: url, Signature: signature})
			if err != nil {
				t.Fatal(err)
			}
			before := deliver(box)
			rotated, err := c.RotateWebhook(t.Context(), made.ID)
			if err != nil {
				t.Fatal(err)
			}
			after := deliver(box)
			if err := c.DeleteWebhook(t.Context(), made.ID); err != nil {
				t.Fatal(err)
			}
			cases := verifications("the key", made.Secret+made.PublicKey, before)
			cases = append(cases, verifications("the old key", made.Secret+made.PublicKey, after)...)
			cases = append(cases, verifications("the new key", rotated.Secret+rotated.PublicKey, after)...)
			cases = append(cases, verification{"the new key, signed by the old one", false, rotated.Secret + rotated.PublicKey, cases[0].Headers, before.body})
			js.verify(t, cases)
			if signature == "v1" {
				verifyInGo(t, made.Secret, before)
				verifyInGo(t, made.Secret, after)
				verifyInGo(t, rotated.Secret, after)
			}
		})
	}
}

// verifyInGo has the public library in Go verify a delivery.
func verifyInGo(t *testing.T, secret string, d delivery) {
	t.Helper()
	receiver, err := standardwebhooks.NewWebhook(secret)
	if err == nil {
		err = receiver.Verify(d.body, d.header)
	}
	if err != nil {
		t.Errorf("the library in Go says %v", err)
	}
	if err := receiver.Verify(append(d.body, ' '), d.header); err == nil {
		t.Error("the library in Go takes another body")
	}
}
