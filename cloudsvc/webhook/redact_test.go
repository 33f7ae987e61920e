package webhook

import "testing"

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
