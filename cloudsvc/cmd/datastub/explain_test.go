package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRefusals has each kind of refusal from a server that does nothing else.
func TestRefusals(t *testing.T) {
	problem := `{"type":"urn:datastub:problem:x","title":"Title","status":0,"detail":"the detail"}`
	tests := map[string]struct {
		status int
		body   string
		want   string // behind "cloudsvc answered "
	}{
		"invalid": {400, `{"type":"urn:datastub:problem:invalid-request","title":"Invalid request","errors":[` +
			`{"index":0,"field":"topic","detail":"topic is empty"},{"index":2,"field":"value","detail":"want a number"}],"more":7}`,
			"400 Invalid request:\n  message 1: topic is empty\n  message 3: value: want a number\n  and 7 more"},
		"denied":          {403, problem, "403 Title: the detail; whoever runs cloudsvc can allow it"},
		"no such thing":   {404, problem, "404 Title: the detail"},
		"no such path":    {404, strings.Replace(problem, "problem:x", "problem:no-such-path", 1), "404 Title: the detail; is URL (named by DATASTUB_SERVER) its address without a path? datastub version tells how old it is"},
		"conflict":        {409, problem, "409 Title: the detail"},
		"too large":       {413, problem, "413 Title: the detail; send less at once"},
		"not implemented": {501, problem, "501 Title: the detail"},
		"not ready":       {503, problem, "503 Title: the detail; the command is right: try again in a moment"},
		"a proxy's": {502, "<html>nginx</html>", `502 Bad Gateway: "<html>nginx</html>"; the answer is not cloudsvc's own: ` +
			`is URL (named by DATASTUB_SERVER) its address, or a proxy's before it?`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			status, _, stderr := runTo(t, server.URL, "", "publish", "a", "1")
			want := "datastub: cloudsvc answered " + strings.ReplaceAll(tt.want, "URL", server.URL) + "\n"
			if status != statusRefused || stderr != want {
				t.Errorf("status %d, stderr\n%s\nwant\n%s", status, stderr, want)
			}
		})
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"subscribe", "publish", "nodes", "top", "tap"}
	for word, want := range map[string]string{
		"sub": "subscribe", "subcsribe": "subscribe", "Nodes": "nodes", "node": "nodes", "pubish": "publish", "tpo": "top",
		"x": "", "": "", "frobnicate": "", "subscribers": "subscribe",
	} {
		if want != "" {
			want = " (did you mean --" + want + "?)"
		}
		if got := didYouMean(word, "--", names); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
