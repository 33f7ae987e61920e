package mapper

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

// pathAPI answers with what it took of a path.
func pathAPI() *api {
	say := func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte(r.Method + " " + r.PathValue("name")))
		return err
	}
	return newAPI(klog.Logger{},
		operation{method: http.MethodGet, pattern: "/things", handle: say},
		operation{method: http.MethodGet, pattern: "/things/{name}", handle: say},
		operation{method: http.MethodPost, pattern: "/things/{name}", handle: say},
		operation{method: http.MethodGet, pattern: "/broken", handle: func(http.ResponseWriter, *http.Request) error { return errors.New("a secret") }},
	)
}

func TestAPIRoutes(t *testing.T) {
	t.Parallel()
	a := pathAPI()
	const nothing = `"detail":"there is nothing at this path: want GET /things, GET /things/{name}, POST /things/{name}, GET /broken","instance":`
	tests := map[string]struct {
		method, path string
		status       int
		want         string // in the body
		allow        string
	}{
		"as it is":          {"GET", "/things", 200, "GET ", ""},
		"head":              {"HEAD", "/things", 200, "", ""},
		"a name":            {"POST", "/things/a", 200, "POST a", ""},
		"a percent":         {"GET", "/things/100%25%2F%20", 200, "GET 100%/ ", ""},
		"dots, escaped":     {"GET", "/things/%2E%2E", 200, "GET ..", ""},
		"another method":    {"DELETE", "/things/a", 405, "method-not-allowed", "GET, HEAD, POST"},
		"another, of one":   {"POST", "/things", 405, "method-not-allowed", "GET, HEAD"},
		"a name in percent": {"GET", "/other/a%20b%C3%BC%2F", 404, `"instance":"/other/a%20b%C3%BC%2F"`, ""},
		"raw bytes":         {"GET", "/other/ü", 404, `"instance":"/other/%C3%BC"`, ""},
		"no name":           {"GET", "/things/", 404, nothing + `"/things/"`, ""},
		"too many":          {"GET", "/things/a/b", 404, nothing, ""},
		"the root":          {"GET", "/", 404, nothing, ""},
		"dots":              {"POST", "/things/x/../a", 404, nothing, ""},
		"two slashes":       {"POST", "//things/a", 404, nothing, ""},
		"none of the above": {"CONNECT", "", 404, "no-such-path", ""},
		"an error":          {"GET", "/broken", 500, "the log of the mapper says more", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, "http://mapper/", nil)
			var err error
			if r.URL, err = url.Parse(tt.path); err != nil {
				t.Fatal(err)
			}
			a.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || w.Header().Get("Allow") != tt.allow {
				t.Errorf("%s %s: got %d %s, Allow %q\nwant %d with %s, Allow %q",
					tt.method, tt.path, w.Code, w.Body, w.Header().Get("Allow"), tt.status, tt.want, tt.allow)
			}
		})
	}
}

// FuzzAPI: any path has an answer, which is no redirect.
func FuzzAPI(f *testing.F) {
	for _, seed := range []string{"/things", "/things/a%2Fb", "//", "/things/../x", "*", "", "/%", "/things/\x00", "http://h/things"} {
		f.Add("GET", seed)
	}
	a := pathAPI()
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers it
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}})
		if w.Code >= 300 && w.Code < 400 {
			t.Errorf("%s %q: got %d to %s", method, target, w.Code, w.Header().Get("Location"))
		}
	})
}
