package cloudsvc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"k8s.io/klog/v2"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// A Publisher takes messages in. It is called by many requests at once.
type Publisher interface {
	// Publish stores the messages, all or none, and returns their ids, in
	// their order, once they are stored. It gives up when the context ends;
	// then they may be stored or not. The messages are valid but for ID, Node
	// and Seq, which it gives, and are its own from now on.
	Publish(ctx context.Context, identity Identity, messages []dataplane.Message) ([]dataplane.ID, error)
	// PublishOnce does so once for a key: where a request with it is stored, or is
	// being stored, it returns the same ids when it is. It returns ErrKeyReused
	// where that had another body. A key holds for 24 h.
	PublishOnce(ctx context.Context, identity Identity, key RequestKey, messages []dataplane.Message) ([]dataplane.ID, error)
}

// A GapLister knows the gaps that are in the log. It is called by many requests
// at once.
type GapLister interface {
	// Gaps answers a query. It may ask the log, and gives up when the context
	// ends.
	Gaps(ctx context.Context, q GapQuery) (GapList, error)
}

// An Auditor makes ledgers. It is called by many requests at once.
type Auditor interface {
	// Ledger returns that of a publisher, or, for "", of all. It reads the log, for
	// less than half a minute after those who asked before, and gives up when the
	// context ends.
	Ledger(ctx context.Context, publisher string) (ledger.Ledger, error)
}

// bodyBudget is how many bytes the bodies of all requests may take. What comes
// when it is spent is refused as busy.
const bodyBudget = 128 << 20

// APIOptions say what the API stands on. All but Authorizer, Now and Logger
// are required.
type APIOptions struct {
	Registry   *Registry
	Publisher  Publisher
	Dispatcher *Dispatcher
	Gaps       GapLister
	Ledger     Auditor
	Hooks      *Hooks
	Ready      func() error // nil when messages can be taken and delivered; must not block
	Metrics    http.Handler // answers GET /metrics

	Authorizer Authorizer       // AllowAll
	Addresses  *AddressRule     // which ones may be registered; the rule without exceptions
	Now        func() time.Time // time.Now: of a message that brings no time, and against which those that do are held
	Logger     klog.Logger      // the zero one says nothing
}

func (o *APIOptions) validate() error {
	if o.Registry == nil || o.Publisher == nil || o.Dispatcher == nil || o.Gaps == nil || o.Ledger == nil || o.Hooks == nil || o.Ready == nil || o.Metrics == nil {
		return errors.New("API options: Registry, Publisher, Dispatcher, Gaps, Ledger, Hooks, Ready and Metrics are required")
	}
	if o.Authorizer == nil {
		o.Authorizer = AllowAll{}
	}
	if o.Addresses == nil {
		o.Addresses = NewAddressRule(nil, net.DefaultResolver)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// API is cloudsvc's HTTP interface, as openapi.yaml describes it. Errors are
// problem details. It runs nothing of its own; see Server.
type API struct {
	options APIOptions
	router  *mux.Router
	origins *http.CrossOriginProtection
	bodies  *rest.Room

	mu       sync.Mutex
	notReady string // why, as last logged
}

var _ http.Handler = (*API)(nil)

// handler answers a request, or returns the error to answer it with, before
// anything is written.
type handler func(w http.ResponseWriter, r *http.Request, who Identity) error

// A route is one operation of the API.
type route struct {
	method, path string
	handle       handler
}

// NewAPI returns the API.
func NewAPI(options APIOptions) (*API, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	a := &API{options: options, router: mux.NewRouter(), origins: http.NewCrossOriginProtection(), bodies: rest.NewRoom(bodyBudget)}
	for _, route := range a.routes() {
		methods := []string{route.method}
		if route.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		a.router.Handle(route.path, a.answer(route.path, route.handle)).Methods(methods...)
	}
	a.router.NotFoundHandler = a.answer(noRoute, noSuchPath)
	a.router.MethodNotAllowedHandler = a.answer(noRoute, a.methodNotAllowed)
	return a, nil
}

// routes lists every operation. Those in the first block ask the Authorizer;
// the second answers machines that watch cloudsvc and can prove no identity,
// and tells nothing of any message, topic or device.
func (a *API) routes() []route {
	return []route{
		{http.MethodPost, "/register", withQuery(a.withRoom(a.register))},
		{http.MethodGet, "/discover", withQuery(a.discover, "topic")},
		{http.MethodGet, "/get_producer", withQuery(a.getProducer, "topic")},
		{http.MethodPost, "/publish", withQuery(a.withRoom(a.publish))},
		{http.MethodPost, "/subscribe", withQuery(a.subscribe, "topic", "callback")},
		{http.MethodGet, "/v1/messages", withQuery(a.messages, "topic", "after", "since", "limit")},
		{http.MethodPost, "/v1/subscriptions", withQuery(a.withRoom(a.createHook))},
		{http.MethodGet, "/v1/subscriptions", withQuery(a.listHooks)},
		{http.MethodGet, hookPath, a.ofHook(a.getHook)},
		{http.MethodPatch, hookPath, a.withRoom(a.ofHook(a.changeHook))},
		{http.MethodDelete, hookPath, a.ofHook(a.deleteHook)},
		{http.MethodPost, hookPath + "/pause", a.setHook(HookPaused)},
		{http.MethodPost, hookPath + "/resume", a.setHook(HookActive)},
		{http.MethodPost, hookPath + "/rotate", a.ofHook(a.rotateHook)},
		{http.MethodGet, "/v1/deadletters", withQuery(a.letters, "subscription", "reason", "limit", "cursor")},
		{http.MethodDelete, "/v1/deadletters", a.ofLetters(a.dropLetters)},
		{http.MethodPost, "/v1/deadletters/redrive", a.ofLetters(a.redriveLetters)},
		{http.MethodGet, letterPath, a.ofLetter(a.getLetter)},
		{http.MethodDelete, letterPath, a.ofLetter(a.dropLetter)},
		{http.MethodPost, letterPath + "/redrive", a.ofLetter(a.redriveLetter)},
		{http.MethodGet, "/v1/gaps", withQuery(a.gaps, "topic", "publisher", "since", "limit")},
		{http.MethodGet, "/v1/ledger", withQuery(a.ledger, "publisher")},

		{http.MethodGet, "/healthz", a.health},
		{http.MethodGet, "/readyz", a.ready},
		{http.MethodGet, "/metrics", a.metrics},
		{http.MethodGet, "/openapi.yaml", a.openAPI},
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A body is JSON whatever its content type says, so a page of another
	// origin could send one without asking: browsers tell, and are refused.
	if err := a.origins.Check(r); err != nil {
		a.refuse(w, r, errCrossOrigin)
		return
	}
	a.router.ServeHTTP(w, r)
}

// noRoute stands for what is no operation, in metrics: paths that strangers
// think of are not counted each.
const noRoute = "none"

// answer makes an http.Handler of a handler.
func (a *API) answer(route string, handle handler) http.Handler {
	return a.options.Dispatcher.metrics.countRequests(route, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := handle(w, r, identify(r)); err != nil {
			a.refuse(w, r, err)
		}
	}))
}

// withRoom counts the body of a request against bodyBudget until it is
// answered, as what was made of it is there until then.
func (a *API) withRoom(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, who Identity) error {
		defer a.bodies.Enter(r)()
		return handle(w, r, who)
	}
}

// refuse answers with an error's problem.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, rest.ErrDisconnected) {
		return
	}
	p := problemKinds.Problem(err)
	p.Instance = r.URL.EscapedPath()
	if p.Status == http.StatusInternalServerError {
		a.options.Logger.Error(err, "request met an internal error", "method", r.Method, "path", r.URL.Path)
	} else {
		a.options.Logger.V(2).Info("request refused", "method", r.Method, "path", r.URL.Path, "status", p.Status, "err", err)
	}
	p.Write(w)
}

// identify returns who sent a request. It is the place where credentials will
// be read.
func identify(*http.Request) Identity { return Anonymous }

func noSuchPath(http.ResponseWriter, *http.Request, Identity) error { return errNoSuchPath }

// methodNotAllowed lists the path's methods, as RFC 9110, section 15.5.6 asks
// for.
func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request, _ Identity) error {
	var allow []string
	for _, route := range a.routes() {
		if !samePath(route.path, r.URL.Path) {
			continue
		}
		allow = append(allow, route.method)
		if route.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	return errMethodNotAllowed
}

// hookPath is that of one subscription.
const hookPath = "/v1/subscriptions/{id}"

// samePath tells whether a path is one of a route's, which may have an {id}.
func samePath(route, path string) bool {
	before, after, has := strings.Cut(route, "{id}")
	if !has {
		return route == path
	}
	id, ok := strings.CutPrefix(path, before)
	if !ok {
		return false
	}
	id, ok = strings.CutSuffix(id, after)
	return ok && id != "" && !strings.Contains(id, "/")
}
