package client

import (
	"context"
	"net/http"
	"net/url"

	"datastub/cloudsvc/ledger"
)

// Ledger returns what came of what a publisher accepted, with the proof from
// cloudsvc's log; with an empty publisher, of all. It takes as long as the log
// takes to read.
func (c *Client) Ledger(ctx context.Context, publisher string) (ledger.Ledger, error) {
	path := "/v1/ledger"
	if publisher != "" {
		path += "?publisher=" + url.QueryEscape(publisher)
	}
	var l ledger.Ledger
	err := c.call(ctx, http.MethodGet, path, nil, &l)
	return l, err
}
