package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzStream reads what is no stream of cloudsvc's: it ends, with an error.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		"", "\n\n", `{"topic":"a"}` + "\n", `{"type":"urn:datastub:problem:stream-ended","reason":"x"}` + "\n{}\n", "[1]\n", `{"position":7}`, "\xff\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newStream(context.Background(), io.NopCloser(bytes.NewReader(body)), "")
		for lines := bytes.Count(body, []byte("\n")) + 1; ; lines-- {
			e, err := s.Next()
			var end *Problem
			switch {
			case errors.Is(err, ErrBroken), errors.As(err, &end):
				return
			case lines == 0:
				t.Fatalf("more events than lines: %+v", e)
			}
		}
	})
}

// FuzzProblem reads the answers of what is no cloudsvc.
func FuzzProblem(f *testing.F) {
	f.Add(503, "application/problem+json", []byte(`{"type":"urn:datastub:problem:busy","detail":"x"}`))
	f.Add(502, "text/html", []byte("<html>"))
	f.Add(400, "application/problem+json", []byte(`{"errors":[{"index":1,"field":"a","detail":"b"}]}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		p := readProblem(&http.Response{
			StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {contentType}},
			Body: io.NopCloser(bytes.NewReader(body)), Request: &http.Request{},
		})
		if p == nil || strings.TrimSpace(p.Error()) == "" {
			t.Errorf("%d %q %q is no error: %+v", status, contentType, body, p)
		}
	})
}
