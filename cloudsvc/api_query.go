package cloudsvc

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"datastub/dataplane/rest"
)

// withQuery lets a request pass whose query has only parameters that are
// known, each once: one that is misspelt would else be as good as left out,
// and its answer that to another question.
func withQuery(handle handler, known ...string) handler {
	return func(w http.ResponseWriter, r *http.Request, who Identity) error {
		if err := checkQuery(r.URL.RawQuery, known); err != nil {
			return err
		}
		return handle(w, r, who)
	}
}

// checkQuery returns an *rest.InvalidError with everything that is wrong.
func checkQuery(raw string, known []string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return rest.Invalid("", fmt.Errorf("query %.64q cannot be read: want name=value, percent-encoded, with & between them", raw))
	}
	want := "none"
	if len(known) > 0 {
		want = strings.Join(known, ", ")
	}
	var invalid rest.InvalidError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, name):
			invalid.Add("query", fmt.Errorf("%.64q is no known parameter: want %s", name, want))
		case len(query[name]) > 1:
			invalid.Add(name, fmt.Errorf("%s is given %d times: want it once", name, len(query[name])))
		}
	}
	return invalid.OrNil()
}
