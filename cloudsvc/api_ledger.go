package cloudsvc

import (
	"net/http"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// ledger answers GET /v1/ledger: what publishers accepted, and what came of it.
func (a *API) ledger(w http.ResponseWriter, r *http.Request, who Identity) error {
	publisher := r.URL.Query().Get("publisher")
	if err := a.options.Authorizer.Authorize(who, Discover, "", ""); err != nil {
		return err
	}
	if publisher != "" {
		if err := dataplane.ValidatePublisher(publisher); err != nil {
			return rest.Invalid("publisher", err)
		}
	}
	l, err := a.options.Ledger.Ledger(r.Context(), publisher)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, l)
}
