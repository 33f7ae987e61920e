package rest

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

// FuzzReadMessages: what is accepted can be stored, and what is not is told in
// one line that a problem can show.
func FuzzReadMessages(f *testing.F) {
	for _, seed := range []string{
		`{"topic":"a","value":1}`, `[{"topic":"a","value":1},{"topic":"b","value":"x","class":"RT"}]`, `[]`, `[[]]`, `[1,null]`, " ", "[{}", `{"topic":"a","value":1}]`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	defaults := Defaults{Namespace: "default", Device: "http", Class: dataplane.BT, Now: func() time.Time { return now }, Clock: "cloudsvc's"}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/publish", bytes.NewReader(body))
		messages, err := ReadMessages(httptest.NewRecorder(), r, defaults)
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) || strings.Contains(err.Error(), "\n") || len(invalid.Fields) > maxInvalidFields {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		for i := range messages {
			if err := messages[i].Validate(); err != nil {
				t.Errorf("%q is accepted: message %d: %v", body, i, err)
			}
		}
	})
}
