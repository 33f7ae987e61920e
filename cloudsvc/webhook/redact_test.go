package webhook

import (
	"net/url"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://app.example.com":                 "https://app.example.com",
		"https://app.example.com/":                "https://app.example.com",
		"https://app.example.com/T0/B0/s3cret":    "https://app.example.com/…",
		"https://app.example.com?token=s3cret":    "https://app.example.com/…",
		"https://u:s3cret@app.example.com:8443/x": "https://app.example.com:8443/…",
		"%zz s3cret": "…",
		"":           "…",
	} {
		if got := Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestReceiversDoNotTellTheURL(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://app.example.com/hooks/T%2F-s3cret/x?token=qu%20s3cret&n=7&k3y-s3cret")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Cannot POST /hooks/T%2F-s3cret/x":                          "Cannot POST …",
		"no such path: /hooks/T/-s3cret/x":                          "no such path: …",
		"/hooks/T%2F-s3cret/x?token=qu%20s3cret&n=7&k3y-s3cret":     "…",
		`{"token":"qu s3cret","team":"-s3cret","key":"k3y-s3cret"}`: `{"token":"…","team":"…","key":"…"}`,
		`\/hooks\/T%2F-s3cret\/x`:                                   `\/hooks\/…\/x`,
		"n=7, x and hooks are no secrets":                           "n=7, x and hooks are no secrets",
		"":                                                          "",
		strings.Repeat("x", 95) + "k3y-s3cret":                      strings.Repeat("x", 95) + "…",
		strings.Repeat("x", 100) + "k3y-s3cret":                     strings.Repeat("x", 100),
	} {
		if got := string(hide([]byte(text), u, 100)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
