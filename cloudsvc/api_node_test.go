package cloudsvc

import (
	"net/http"
	"strings"
	"testing"
)

// A name is refused for what it means, before anything is done; one that means
// nothing yet passes.
func TestRegisterResolves(t *testing.T) {
	s := startService(t, func(o *APIOptions) {
		o.Addresses = NewAddressRule(prefixes(t, "10.1.0.0/16"), testResolver{
			"metadata.internal": {"169.254.169.254"}, "plant": {"10.1.2.3"}, "public": {"2001:db8::1", "127.0.0.1"},
		})
	})
	for host, want := range map[string]string{
		"plant": "", "public": "", "unknown": "", "10.1.255.255": "",
		"metadata.internal": `address 169.254.169.254 of \"metadata.internal\" is a cloud's metadata service`,
		"10.2.0.1":          "address 10.2.0.1 is private (RFC 1918)",
	} {
		id := strings.ReplaceAll(host, ".", "-")
		a := s.do(t, "POST", "/register", `{"id":"`+id+`","address":"tcp://`+host+`:5556"}`)
		listed := strings.Contains(s.do(t, "GET", "/discover", "").body, `"`+id+`"`)
		if want == "" {
			if a.status != http.StatusOK || !listed {
				t.Errorf("%s: got %d %s, want it registered", host, a.status, a.body)
			}
			continue
		}
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, want) || !strings.Contains(a.body, `"field":"address"`) || listed {
			t.Errorf("%s: got %d %s, listed %v, want %s", host, a.status, a.body, listed, want)
		}
	}
}
