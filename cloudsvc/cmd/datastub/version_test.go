package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `datastub_build_info{goversion="go1.99",revision="0123",version="v1.2.0"} 1`+"\n")
	}))
	defer server.Close()
	status, out, stderr := runTo(t, server.URL, "", "version")
	lines := strings.Split(out, "\n")
	if status != 0 || stderr != "" || len(lines) != 4 || !strings.HasPrefix(lines[1], "datastub  ") ||
		strings.Join(strings.Fields(lines[2]), " ") != "cloudsvc v1.2.0 0123 go1.99 -" {
		t.Errorf("status %d, %s\n%s", status, stderr, out)
	}
	_, out, _ = runTo(t, server.URL, "", "version", "-o", "json")
	var v versions
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Client.Go != runtime.Version() || v.Server == nil || v.Server.Version != "v1.2.0" {
		t.Errorf("%v: %s", err, out)
	}
}
