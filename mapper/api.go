package mapper

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"k8s.io/klog/v2"

	"datastub/dataplane/rest"
	"datastub/driver"
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
	{Err: errRemote, Status: http.StatusForbidden, Name: "not-this-machine", Title: "Not from this machine"},
	{Err: errName, Status: http.StatusForbidden, Name: "not-this-machine", Title: "Not from this machine"},
	{Err: errCrossSite, Status: http.StatusForbidden, Name: "cross-site", Title: "From another site"},
	{Err: ErrNoDevice, Status: http.StatusNotFound, Name: "no-such-device", Title: "No such device"},
	{Err: ErrNoProperty, Status: http.StatusNotFound, Name: "no-such-property", Title: "No such property"},
	{Err: errNoMethod, Status: http.StatusNotFound, Name: "no-such-device-method", Title: "No such method of the device"},
	{Err: errNoModel, Status: http.StatusNotFound, Name: "no-such-model", Title: "No such model"},
	{Err: errNoValue, Status: http.StatusServiceUnavailable, Name: "no-value", Title: "No value"},
	{Err: errNoDatabase, Status: http.StatusNotImplemented, Name: "no-database", Title: "No database"},
	{Err: driver.ErrReadOnly, Status: http.StatusForbidden, Name: "read-only", Title: "Read-only"},
	{Err: ErrNotHeld, Status: http.StatusConflict, Name: "not-held", Title: "Not held"},
	{Err: errSlowDevice, Status: http.StatusGatewayTimeout, Name: "device-not-in-time", Title: "Device not in time"},
	{Err: driver.ErrUnreachable, Status: http.StatusServiceUnavailable, Name: "device-unreachable", Title: "Device unreachable"},
	{Err: errRefused, Status: http.StatusBadGateway, Name: "device-refused", Title: "Refused by the device"},
	{Err: ErrBusy, Status: http.StatusServiceUnavailable, Name: "busy", Title: "Busy"},
	{Err: rest.ErrNoRoom, Status: http.StatusServiceUnavailable, Name: "busy", Title: "Busy"},
	{Status: http.StatusInternalServerError, Name: "internal", Title: "Internal error", Detail: "the log of the mapper says more"},
}

// An operation is one method of the paths that a pattern of http.ServeMux
// matches. GET is HEAD too.
type operation struct {
	method, pattern string
	// handle answers, or returns the error to answer with before anything is
	// written.
	handle func(w http.ResponseWriter, r *http.Request) error
	// otherwise is what those are told, too, who come with another method.
	otherwise string
}

// An api is the operations of one server. Errors are problem details.
type api struct {
	operations []operation
	routes     *http.ServeMux
	logger     klog.Logger
	local      bool // it listens to this machine only: see checkName
}

// newAPI returns the api of operations that do not contradict each other.
func newAPI(logger klog.Logger, operations ...operation) *api {
	a := &api{operations: operations, routes: http.NewServeMux(), logger: logger}
	allow, refusals := map[string][]string{}, map[string]error{}
	for _, o := range operations {
		a.route(o.method+" "+o.pattern, o.handle)
		allow[o.pattern] = append(allow[o.pattern], o.methods()...)
		if o.otherwise != "" {
			refusals[o.pattern] = fmt.Errorf("%w: %s", errMethodNotAllowed, o.otherwise)
		}
	}
	for pattern, methods := range allow {
		a.route(pattern, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			return cmp.Or(refusals[pattern], errMethodNotAllowed)
		})
	}
	a.route("/", a.unknown)
	return a
}

func (a *api) route(pattern string, handle func(http.ResponseWriter, *http.Request) error) {
	a.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			a.refuse(w, r, err)
		}
	})
}

func (o *operation) methods() []string {
	if o.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{o.method}
}

// ServeHTTP answers one request.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.local {
		if err := checkName(r); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	// A ServeMux would redirect to the cleaned path: nobody knows it by another.
	if p := r.URL.EscapedPath(); p != path.Clean(p) {
		a.refuse(w, r, a.unknown(w, r))
		return
	}
	a.routes.ServeHTTP(w, r)
}

// unknown refuses a path where there is nothing.
func (a *api) unknown(http.ResponseWriter, *http.Request) error {
	return fmt.Errorf("%w: want %s", errNoSuchPath, a)
}

// String lists the operations.
func (a *api) String() string {
	var all []string
	for _, o := range a.operations {
		all = append(all, o.method+" "+o.pattern)
	}
	return strings.Join(all, ", ")
}

// refuse answers with an error's problem.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, rest.ErrDisconnected) {
		return
	}
	p := problemKinds.Problem(err)
	p.Instance = r.URL.EscapedPath()
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
