package cloudsvc

import (
	"context"
	"errors"
	"net/http"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// nodeList is the answer to /discover.
type nodeList struct {
	Nodes []Node `json:"nodes"`
}

// producerList is the answer to /get_producer.
type producerList struct {
	Topic     string `json:"topic"`
	Producers []Node `json:"producers"`
}

// register answers POST /register: a publisher says who it is, or that it
// still is.
func (a *API) register(w http.ResponseWriter, r *http.Request, who Identity) error {
	body, err := rest.ReadObject(w, r, registrationFields[:]...)
	if err != nil {
		return err
	}
	registration := readRegistration(body)
	registration.validate(a.options.Registry.options.MaxTopics, body.Refuse)
	if err := body.Err(); err != nil {
		return rest.Invalid("", err)
	}
	if err := a.authorizeEach(who, Register, registration.Topics); err != nil {
		return err
	}
	if registration.Address != nil && *registration.Address != "" { // who is read there publishes
		if err := a.authorizeEach(who, Publish, registration.Topics); err != nil {
			return err
		}
	}
	if err := a.checkAddress(r.Context(), registration.Address); err != nil {
		return err
	}
	node, err := a.options.Registry.Register(registration)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, node)
}

// checkAddress refuses an address that may not be dialled now. One that is not
// found passes: it is looked for again before each dial.
func (a *API) checkAddress(ctx context.Context, address *string) error {
	if address == nil || *address == "" {
		return nil
	}
	var refused *RefusedAddressError
	if _, err := a.options.Addresses.Resolve(ctx, *address); errors.As(err, &refused) {
		return rest.Invalid("address", refused)
	}
	return nil
}

// authorizeEach asks for each topic, and for none in particular if there is
// none.
func (a *API) authorizeEach(who Identity, action Action, topics []string) error {
	if len(topics) == 0 {
		return a.options.Authorizer.Authorize(who, action, "", "")
	}
	for _, topic := range topics {
		if err := a.options.Authorizer.Authorize(who, action, "", topic); err != nil {
			return err
		}
	}
	return nil
}

// discover answers GET /discover: the nodes, of one topic if it is given.
func (a *API) discover(w http.ResponseWriter, r *http.Request, who Identity) error {
	topic := r.URL.Query().Get("topic")
	if err := a.options.Authorizer.Authorize(who, Discover, "", topic); err != nil {
		return err
	}
	if topic != "" {
		if _, err := dataplane.ParseFilter(topic); err != nil {
			return rest.Invalid("topic", err)
		}
	}
	return rest.WriteJSON(w, http.StatusOK, nodeList{a.options.Registry.Discover(topic)})
}

// getProducer answers GET /get_producer: who publishes to a topic now.
func (a *API) getProducer(w http.ResponseWriter, r *http.Request, who Identity) error {
	topic := r.URL.Query().Get("topic")
	if err := a.options.Authorizer.Authorize(who, Discover, "", topic); err != nil {
		return err
	}
	if topic == "" {
		return rest.Invalid("topic", errors.New("the query lacks it: want /get_producer?topic=…"))
	}
	if _, err := dataplane.ParseFilter(topic); err != nil {
		return rest.Invalid("topic", err)
	}
	return rest.WriteJSON(w, http.StatusOK, producerList{topic, a.options.Registry.Producers(topic)})
}
