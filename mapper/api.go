package mapper

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/klog/v2"

	"datastub/dataplane/rest"
)

// What the mapper's HTTP interfaces decide.
var (
	errNoSuchPath       = errors.New("there is nothing at this path")
	errMethodNotAllowed = errors.New("the path does not take this method; the Allow header lists those it takes")
	errNotReady         = errors.New("not ready")
)

// problemKinds is the table from error to answer: kinds that cloudsvc has too
// are the same ones.
var problemKinds = rest.Kinds{
	{Err: errNoSuchPath, Status: http.StatusNotFound, Name: "no-such-path", Title: "No such path"},
	{Err: errMethodNotAllowed, Status: http.StatusMethodNotAllowed, Name: "method-not-allowed", Title: "Method not allowed"},
	{Err: errNotReady, Status: http.StatusServiceUnavailable, Name: "not-ready", Title: "Not ready"},
	{Err: rest.ErrNoRoom, Status: http.StatusServiceUnavailable, Name: "busy", Title: "Busy"},
	{Status: http.StatusInternalServerError, Name: "internal", Title: "Internal error", Detail: "the log of the mapper says more"},
}

// An operation is one method of one path.
type operation struct {
	method, path string
	// handle answers, or returns the error to answer with before anything is
	// written.
	handle func(w http.ResponseWriter, r *http.Request) error
}

// An api is the operations of one server. Errors are problem details.
type api struct {
	operations []operation
	logger     klog.Logger
}

// ServeHTTP answers one request.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := a.serve(w, r); err != nil {
		a.refuse(w, r, err)
	}
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) error {
	var allow []string
	for _, o := range a.operations {
		if o.path != r.URL.Path {
			continue
		}
		methods := o.methods()
		if slices.Contains(methods, r.Method) {
			return o.handle(w, r)
		}
		allow = append(allow, methods...)
	}
	if allow == nil {
		return fmt.Errorf("%w: want %s", errNoSuchPath, a)
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	return errMethodNotAllowed
}

func (o *operation) methods() []string {
	if o.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{o.method}
}

// String lists the operations.
func (a *api) String() string {
	var all []string
	for _, o := range a.operations {
		all = append(all, o.method+" "+o.path)
	}
	return strings.Join(all, ", ")
}

// refuse answers with an error's problem.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, rest.ErrDisconnected) {
		return
	}
	p := problemKinds.Problem(err)
	p.Instance = r.URL.Path
	if p.Status == http.StatusInternalServerError {
		a.logger.Error(err, "Request met an internal error", "method", r.Method, "path", r.URL.Path)
	}
	p.Write(w)
}

// health answers GET /healthz: the process runs.
func health(w http.ResponseWriter, _ *http.Request) error {
	return rest.WriteJSON(w, http.StatusOK, healthReply{"ok"})
}

// healthReply is the answer to /healthz and /readyz.
type healthReply struct {
	Status string `json:"status"`
}
