package cloudsvc

import (
	"net/http"

	"datastub/dataplane/rest"
)

// health is the answer to /healthz and /readyz.
type health struct {
	Status string `json:"status"`
}

// health answers GET /healthz: the process runs.
func (a *API) health(w http.ResponseWriter, _ *http.Request, _ Identity) error {
	return rest.WriteJSON(w, http.StatusOK, health{"ok"})
}

// ready answers GET /readyz: messages can be taken and delivered. Why they
// cannot goes to the log, once, as it may name hosts and paths.
func (a *API) ready(w http.ResponseWriter, _ *http.Request, _ Identity) error {
	err := a.options.Ready()
	a.logReady(err)
	if err != nil {
		return errNotReady
	}
	return rest.WriteJSON(w, http.StatusOK, health{"ready"})
}

func (a *API) logReady(err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	a.mu.Lock()
	changed := a.notReady != why
	a.notReady = why
	a.mu.Unlock()
	switch {
	case changed && err != nil:
		a.options.Logger.Error(err, "not ready")
	case changed:
		a.options.Logger.Info("ready")
	}
}

// metrics answers GET /metrics in Prometheus's format.
func (a *API) metrics(w http.ResponseWriter, r *http.Request, _ Identity) error {
	a.options.Metrics.ServeHTTP(w, r)
	return nil
}
