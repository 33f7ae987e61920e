package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"datastub/mapper"
)

// uplink tells whether cloudsvc can be reached where the mapper dials it.
func (d *Doctor) uplink(ctx context.Context, address string) Finding {
	const subject = "uplink"
	target, is := strings.CutPrefix(address, "tcp://")
	if !is {
		return Finding{Warn, subject, address + " is not on the network, and was not dialled", "look at session below"}
	}
	dialer := net.Dialer{Timeout: checkLimit}
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return Finding{Fail, subject, fmt.Sprintf("%s: %v", address, err), "is cloudsvc running, and is its ZeroMQ port (5557) reachable from this node? firewall, NodePort, DNS"}
	}
	_ = conn.Close()
	return Finding{Verdict: OK, Subject: subject, Text: address + " takes connections"}
}

// session tells whether the running mapper is connected, to where it was found
// out whether cloudsvc can be reached.
func session(overview *mapper.Overview, uplink Verdict) Finding {
	const subject = "session"
	if !overview.Uplink.Connected {
		cure := "is it cloudsvc that listens there? does another mapper have the same node and name? the mapper's log tells"
		if uplink == Fail {
			cure = "see uplink above"
		}
		return Finding{Fail, subject, "cloudsvc has granted the running mapper no session at " + overview.Uplink.Address, cure}
	}
	return Finding{Verdict: OK, Subject: subject, Text: "the running mapper is connected to " + overview.Uplink.Address}
}

// maxSkew is how far the clock may be off, beside the second of an HTTP Date.
const maxSkew = 2 * time.Second

// cloud asks cloudsvc whether it is ready, and for the time.
func (d *Doctor) cloud(ctx context.Context, registry string) []Finding {
	const subject = "cloudsvc"
	url := strings.TrimSuffix(registry, "/") + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return []Finding{{Fail, subject, err.Error(), "set dataplane.registry to cloudsvc's HTTP address"}}
	}
	sent := d.options.Now()
	answer, err := d.client.Do(request)
	if err != nil {
		return []Finding{{Warn, subject, err.Error(), "where uplink and session are ok, values flow without it; check dataplane.registry, and whether cloudsvc's HTTP (8080) is reachable from this node"}}
	}
	_ = answer.Body.Close()
	clock := skew(answer.Header.Get("Date"), sent, d.options.Now())
	if answer.StatusCode != http.StatusOK {
		return []Finding{{Fail, subject, fmt.Sprintf("%s answered %s", url, answer.Status), "cloudsvc's log says what it waits for"}, clock}
	}
	return []Finding{{Verdict: OK, Subject: subject, Text: url + " is ready"}, clock}
}

// skew compares the clock with the Date of an answer to a request that was sent
// and answered then. A Date is cut to whole seconds.
func skew(date string, sent, answered time.Time) Finding {
	const subject = "clock"
	then, err := http.ParseTime(date)
	if err != nil {
		return Finding{Warn, subject, fmt.Sprintf("cloudsvc's answer has no time: Date %q", date), "is there a proxy in between?"}
	}
	var off time.Duration // how far the clock is ahead at least
	switch {
	case sent.After(then.Add(time.Second)):
		off = sent.Sub(then.Add(time.Second))
	case answered.Before(then):
		off = answered.Sub(then)
	}
	if off.Abs() > maxSkew {
		side := "ahead of"
		if off < 0 {
			side = "behind"
		}
		return Finding{Warn, subject, fmt.Sprintf("it is %v %s cloudsvc's", off.Abs().Round(time.Second/10), side), "let chrony or ntp set both"}
	}
	return Finding{Verdict: OK, Subject: subject, Text: "it agrees with cloudsvc's"}
}
