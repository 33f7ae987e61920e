package cloudsvc

import (
	_ "embed"
	"net/http"
)

// openAPIDocument describes the API; a test holds the API to it.
//
//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI answers GET /openapi.yaml.
func (a *API) openAPI(w http.ResponseWriter, _ *http.Request, _ Identity) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPIDocument) // a client that left needs no answer
	return nil
}
