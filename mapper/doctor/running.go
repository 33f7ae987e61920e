package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"datastub/mapper"
)

// maxOverview is the longest answer of the running mapper that is read, in
// bytes: some 300 a device.
const maxOverview = 64 << 20

// running asks the running mapper how it is; nil where it does not answer.
func (d *Doctor) running(ctx context.Context, config *mapper.Config) (*mapper.Overview, Finding) {
	const subject = "mapper"
	if config.HTTP == "" {
		return nil, Finding{Warn, subject, "the running mapper cannot be asked: http is off", "set http in the config to 127.0.0.1:7777"}
	}
	url := "http://" + dialled(config.HTTP) + "/status"
	var overview mapper.Overview
	if err := d.getJSON(ctx, url, &overview); err != nil {
		return nil, Finding{Fail, subject, fmt.Sprintf("no mapper answers: %v", err), "start it; its log tells why it ended. From outside of its pod: kubectl exec"}
	}
	if overview.Node != config.Node || overview.Mapper != config.Common.Name {
		return nil, Finding{Fail, subject, fmt.Sprintf("%s is mapper %s/%s, and the config is of %s/%s", url, overview.Node, overview.Mapper, config.Node, config.Common.Name),
			"give each mapper of a node its own http, or examine with the config that runs; if the config was changed, restart the mapper"}
	}
	if overview.Source != config.Devices.Source {
		return &overview, Finding{Warn, subject, fmt.Sprintf("it runs with devices from %s, and the config says %s", overview.Source, config.Devices.Source), "restart the mapper"}
	}
	return &overview, Finding{Verdict: OK, Subject: subject, Text: fmt.Sprintf("%s/%s %s runs", overview.Node, overview.Mapper, overview.Version)}
}

// dialled returns where to dial for who listens at an address.
func dialled(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func (d *Doctor) getJSON(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: answered %s", url, answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxOverview)).Decode(into); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

// registrations tells whether EdgeCore has the mapper, for each protocol.
func registrations(overview *mapper.Overview, protocols []string, now time.Time) (found []Finding) {
	const subject = "registration"
	edges := map[string]mapper.EdgeStatus{}
	for _, e := range overview.EdgeCore {
		edges[e.Protocol] = e
	}
	for _, protocol := range protocols {
		e := edges[protocol]
		switch {
		case e.Error == "" && e.Since.IsZero():
			found = append(found, Finding{Fail, subject, protocol + ": the mapper has not registered yet", "wait some seconds; then look at edgecore"})
		case e.Since.IsZero():
			found = append(found, Finding{Fail, subject, fmt.Sprintf("%s: not taken in, last asked %s: %s", protocol, ago(e.ErrorTime, now), e.Error), "see edgecore above, and its log"})
		case len(e.Missing) > 0:
			found = append(found, Finding{Warn, subject, fmt.Sprintf("%s: EdgeCore does not list %d devices that run here: %s", protocol, len(e.Missing), some(e.Missing)),
				"were they deleted? if not, restart edgecore; the mapper may run on"})
		default:
			found = append(found, Finding{Verdict: OK, Subject: subject, Text: fmt.Sprintf("%s: taken in %s, last answered %s", protocol, ago(e.Since, now), ago(e.Last, now))})
		}
	}
	return found
}

// ago tells when something was.
func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return now.Sub(at).Round(time.Second).String() + " ago"
}

// some returns the first names of a list.
func some(names []string) string {
	if len(names) > maxFindings {
		return strings.Join(names[:maxFindings], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
