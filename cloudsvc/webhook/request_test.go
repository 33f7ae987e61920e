package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var body = []byte(`{"topic":"sensor/temperature","value":21.5}`)

// TestSignVector is the example that the specification's libraries are tested
// with.
func TestSignVector(t *testing.T) {
	t.Parallel()
	k, err := ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := Sign([]Key{k}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := h.Get(headerSignature); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestReceiversVerify(t *testing.T) {
	t.Parallel()
	older, newer := newKey(t, V1), newKey(t, V1)
	for _, test := range []struct {
		name   string
		signed []Key
		has    Key
		body   []byte
		ok     bool
	}{
		{"the key", []Key{newer}, newer, body, true},
		{"the older of two", []Key{newer, older}, older, body, true},
		{"the newer of two", []Key{newer, older}, newer, body, true},
		{"beside ed25519", []Key{newKey(t, V1a), newer}, newer, body, true},
		{"another key", []Key{newer}, older, body, false},
		{"another body", []Key{newer}, newer, []byte("{}"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := Sign(test.signed, "default.7", time.Now(), body)
			err := receiver(t, test.has).Verify(test.body, h)
			if ok := err == nil; ok != test.ok {
				t.Errorf("verified: %v (%v), want %v", ok, err, test.ok)
			}
		})
	}
}

func TestPublicKeyVerifies(t *testing.T) {
	t.Parallel()
	k := newKey(t, V1a)
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k.PublicKey(), "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	h := Sign([]Key{k}, "7", time.Unix(1700000000, 0), body)
	signature := signatureOf(t, h, "v1a")
	if !ed25519.Verify(public, []byte("7.1700000000."+string(body)), signature) {
		t.Error("the public key does not verify")
	}
}

func receiver(t *testing.T, k Key) *standardwebhooks.Webhook {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(k.Secret())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func signatureOf(t *testing.T, h http.Header, version string) []byte {
	t.Helper()
	for text := range strings.FieldsSeq(h.Get(headerSignature)) {
		if encoded, ok := strings.CutPrefix(text, version+","); ok {
			signature, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			return signature
		}
	}
	t.Fatalf("no %s signature in %q", version, h.Get(headerSignature))
	return nil
}

func TestRedrivenIsMarked(t *testing.T) {
	t.Parallel()
	for _, redriven := range []bool{false, true} {
		marks := make(chan []string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { marks <- r.Header.Values("DataStub-Redriven") }))
		_, err := newSender(t, anywhere{}).Send(t.Context(), &Request{URL: server.URL, ID: "7", Body: body, Redriven: redriven})
		server.Close()
		if got := <-marks; err != nil || (len(got) == 1 && got[0] == "true") != redriven {
			t.Errorf("redriven %v: header %q, %v", redriven, got, err)
		}
	}
}
