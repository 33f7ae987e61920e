package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane/build"
)

func TestBuild(t *testing.T) {
	tests := map[string]struct {
		metrics string
		want    build.Stamp
		err     error
	}{
		"told": {
			"# HELP datastub_build_info x\ndatastub_build_info{goversion=\"go1.26.0\",revision=\"0123\",version=\"v1.2.0\"} 1\n",
			build.Stamp{Version: "v1.2.0", Revision: "0123", Go: "go1.26.0"}, nil,
		},
		"not told": {"go_goroutines 7\n", build.Stamp{}, ErrNoBuild},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, tt.metrics)
			}))
			defer server.Close()
			got, err := newClient(t, server.URL).Build(testContext(t))
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
	var p *Problem
	server := clienttest.Start(t, "127.0.0.1:0") // it has no metrics
	if _, err := newClient(t, server.URL).Build(testContext(t)); !errors.As(err, &p) {
		t.Errorf("got %v, want a *Problem", err)
	}
}
