package cloudsvc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(t *testing.T, text string) []netip.Prefix {
	t.Helper()
	p, err := ParsePrefixes(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAddressRule(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{ // what speaks against it, "" for nothing
		"8.8.8.8": "", "2606:4700::1111": "", "192.0.2.7": "", "172.32.0.1": "", "100.128.0.1": "",
		"127.0.0.1": "loopback", "127.255.255.254": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback",
		"0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "::": "unspecified",
		"10.0.0.1": "RFC 1918", "172.31.255.255": "RFC 1918", "192.168.1.1": "RFC 1918", "::ffff:10.0.0.1": "RFC 1918",
		"fc00::1": "RFC 4193", "fd12:3456::1": "RFC 4193", "fec0::1": "RFC 3879",
		"169.254.1.1": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
		"169.254.169.254": "metadata", "::ffff:169.254.169.254": "metadata", "fd00:ec2::254": "metadata",
		"100.100.100.200": "metadata", "168.63.129.16": "metadata",
		"100.64.0.1": "RFC 6598", "224.0.0.1": "multicast", "ff02::1": "multicast", "255.255.255.255": "reserved",
		"192.0.0.8": "RFC 6890", "198.19.0.1": "RFC 2544",
		"64:ff9b::10.0.0.1": "RFC 1918", "64:ff9b::8.8.8.8": "", "64:ff9b:1::1": "RFC 8215",
		"2002:7f00:1::": "loopback", "2002:808:808::": "", "::10.0.0.1": "RFC 1918", "2001::1": "Teredo",
	} {
		err := NewAddressRule(nil, nil).Allow(netip.MustParseAddr(address))
		if want == "" {
			if err != nil {
				t.Errorf("%s: got %v, want it allowed", address, err)
			}
			continue
		}
		var refused *RefusedAddressError
		if !errors.As(err, &refused) || !strings.Contains(refused.Rule, want) {
			t.Errorf("%s: got %v, want it refused: %s", address, err, want)
			continue
		}
		_, hint, _ := strings.Cut(err.Error(), "such as --webhook-allow ")
		if err := NewAddressRule(prefixes(t, hint), nil).Allow(refused.Address); err != nil {
			t.Errorf("%s: what the error advises does not help: %v", address, err)
		}
	}
}

func TestAddressRuleExceptions(t *testing.T) {
	t.Parallel()
	rule := NewAddressRule(prefixes(t, "10.1.0.0/16, fd00::/8,64:ff9b:1::/48,127.0.0.1"), nil)
	for address, allowed := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "10.2.0.0": false,
		"fd12::1": true, "fc12::1": false, "64:ff9b:1::5": true, "127.0.0.1": true, "127.0.0.2": false,
	} {
		if err := rule.Allow(netip.MustParseAddr(address)); (err == nil) != allowed {
			t.Errorf("%s: got %v, want it allowed: %v", address, err, allowed)
		}
	}
}

func TestAddressRuleRefuses(t *testing.T) {
	t.Parallel()
	const want = "address 10.0.0.1 is private (RFC 1918): cloudsvc dials it only if --webhook-allow has it, such as --webhook-allow 10.0.0.1"
	if err := NewAddressRule(nil, nil).Allow(netip.MustParseAddr("10.0.0.1")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// testResolver finds addresses by name.
type testResolver map[string][]string

func (r testResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	texts, known := r[host]
	if !known {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "192.0.2.53:53", IsNotFound: true}
	}
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all, nil
}

// Names are held to the rule by what they mean, each time anew.
func TestAddressRuleResolves(t *testing.T) {
	t.Parallel()
	rule := NewAddressRule(prefixes(t, "10.1.0.0/16"), testResolver{
		"good": {"203.0.113.1"}, "mapped": {"::ffff:203.0.113.1"}, "mixed": {"127.0.0.1", "2001:db8::1"}, "dual": {"2001:db8::1", "203.0.113.1"},
		"inside": {"10.1.0.1"}, "evil": {"169.254.169.254"}, "none": {},
	})
	for endpoint, want := range map[string]string{
		"tcp://good:5556": "tcp://203.0.113.1:5556", "tcp://mapped:1": "tcp://203.0.113.1:1", "tcp://mixed:1": "tcp://[2001:db8::1]:1", "tcp://dual:1": "tcp://203.0.113.1:1",
		"tcp://inside:1": "tcp://10.1.0.1:1", "tcp://192.0.2.1:1": "tcp://192.0.2.1:1", "tcp://[2001:db8::2]:1": "tcp://[2001:db8::2]:1",
	} {
		if got, err := rule.Resolve(t.Context(), endpoint); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", endpoint, got, err, want)
		}
	}
	for endpoint, want := range map[string]string{
		"tcp://evil:1":               `address 169.254.169.254 of "evil" is a cloud's metadata service: cloudsvc dials it only if`,
		"tcp://127.0.0.1:1":          "address 127.0.0.1 is loopback: cloudsvc dials it only if",
		"tcp://[::ffff:127.0.0.1]:1": "address 127.0.0.1", "tcp://[::ffff:7f00:1]:1": "is loopback",
		"tcp://nobody:1": `look up "nobody": no such host`, "tcp://none:1": `look up "none": it has no address`, "tcp://x": "want tcp://host:port",
	} {
		if got, err := rule.Resolve(t.Context(), endpoint); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "192.0.2.53") {
			t.Errorf("%s: got %s, %v, want %s", endpoint, got, err, want)
		}
	}
}

func TestParsePrefixesProblems(t *testing.T) {
	t.Parallel()
	const want = `"ten" is no CIDR: want an address and a length, such as 10.0.0.0/8; ` +
		`"10.1.2.3/8" has bits behind its length: want 10.0.0.0/8; "::ffff:10.0.0.0/104" is an IPv4 range written as IPv6: want the IPv4 one, such as 10.0.0.0/8; ` +
		`"10.0.0.0/33" is no CIDR: want an address and a length, such as 10.0.0.0/8`
	if _, err := ParsePrefixes("ten, 10.1.2.3/8,, ::ffff:10.0.0.0/104 ,10.0.0.0/33"); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
