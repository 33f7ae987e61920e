package cloudsvc

import (
	"errors"
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

// checkQuery returns an *rest.InvalidError with everything that is wrong. It does
// not repeat values, as a callback's is not for others, nor, beside a callback,
// names: they may be the rest of one that is not percent-encoded.
func checkQuery(raw string, known []string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return rest.Invalid("query", errors.New("query cannot be read: want name=value, percent-encoded, with & between them"))
	}
	want := "none"
	if len(known) > 0 {
		want = strings.Join(known, ", ")
	}
	var invalid rest.InvalidError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, name) && query.Has("callback") && name != "callback":
			invalid.Add("query", fmt.Errorf("a parameter beside callback is not known: want %s, and what is in callback percent-encoded", want))
		case !slices.Contains(known, name):
			invalid.Add("query", fmt.Errorf("%.64q is no known parameter: want %s", name, want))
		case len(query[name]) > 1:
			invalid.Add(name, fmt.Errorf("%s is given %d times: want it once", name, len(query[name])))
		}
	}
	return invalid.OrNil()
}
