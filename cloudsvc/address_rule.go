package cloudsvc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookupTime is how long the addresses of a name may take to be found.
const lookupTime = 3 * time.Second

// A RefusedAddressError says that cloudsvc does not dial an address. Its text
// is for whoever gave it.
type RefusedAddressError struct {
	Address netip.Addr
	Host    string // the name that it belongs to, or the address itself
	Rule    string // what speaks against it
}

// Error names the address, what is against it, and how it can be allowed.
func (e *RefusedAddressError) Error() string {
	whose := ""
	if e.Host != e.Address.String() {
		whose = fmt.Sprintf(" of %q", e.Host)
	}
	return fmt.Sprintf("address %v%s is %s: cloudsvc dials it only if --webhook-allow has it, such as --webhook-allow %v",
		e.Address, whose, e.Rule, meaning(e.Address))
}

// refusedRange are addresses that strangers may not have cloudsvc dial: they
// are its own network's, not theirs.
type refusedRange struct {
	prefix netip.Prefix
	rule   string
}

// refusedRanges is the rule, first match wins.
var refusedRanges = [...]refusedRange{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud's metadata service"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified (RFC 1122)"},
	{netip.MustParsePrefix("::/128"), "unspecified (RFC 4291)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private (RFC 1918)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private (RFC 1918)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private (RFC 1918)"},
	{netip.MustParsePrefix("fc00::/7"), "private (RFC 4193)"},
	{netip.MustParsePrefix("fec0::/10"), "private (RFC 3879)"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's NAT (RFC 6598)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "for protocols (RFC 6890)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks (RFC 2544)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved (RFC 1112)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a local NAT64 (RFC 8215)"},
	{netip.MustParsePrefix("2001::/32"), "a Teredo tunnel (RFC 4380)"},
}

// embedding are IPv6 addresses that stand for the IPv4 address in them, and
// where it begins.
var embedding = [...]struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64 (RFC 6052)
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4 (RFC 3056)
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible (RFC 4291)
}

// Resolver finds the addresses of a name: net.DefaultResolver is one. It is
// called by many goroutines at once.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var _ Resolver = (*net.Resolver)(nil)

// An AddressRule decides which addresses cloudsvc dials because somebody asked
// it to over HTTP: those of producers, and of receivers of webhooks. Strangers
// must not reach through it what only it can reach, so loopback, private and
// other special addresses are refused unless the operator allowed them. It is
// asked by Allow about an address that is about to be dialled; or Resolve finds
// one by a name, to be dialled as it is: the name could mean another one by then.
type AddressRule struct {
	allowed  []netip.Prefix
	resolver Resolver
}

// NewAddressRule returns the rule with the exceptions of an operator.
func NewAddressRule(allowed []netip.Prefix, resolver Resolver) *AddressRule {
	return &AddressRule{allowed: allowed, resolver: resolver}
}

// Allow returns nil if an address may be dialled, and otherwise a
// *RefusedAddressError.
func (r *AddressRule) Allow(address netip.Addr) error {
	return r.allow(address, address.String())
}

func (r *AddressRule) allow(address netip.Addr, host string) error {
	meant := meaning(address)
	for _, prefix := range r.allowed {
		if prefix.Contains(meant) || prefix.Contains(address.WithZone("")) {
			return nil
		}
	}
	for _, refused := range refusedRanges {
		if refused.prefix.Contains(meant) {
			return &RefusedAddressError{Address: address, Host: host, Rule: refused.rule}
		}
	}
	return nil
}

// meaning returns the address that a packet to another one ends at: the IPv4
// address in an IPv6 one, and none of a zone.
func meaning(address netip.Addr) netip.Addr {
	address = address.WithZone("").Unmap()
	for _, e := range embedding {
		if e.prefix.Contains(address) && address != netip.IPv6Loopback() && address != netip.IPv6Unspecified() {
			whole := address.As16()
			return netip.AddrFrom4([4]byte(whole[e.at : e.at+4]))
		}
	}
	return address
}

// Resolve returns tcp://address:port for a tcp://host:port, with an address of
// the host that may be dialled. The error wraps a *RefusedAddressError if the
// host has addresses and none may be.
func (r *AddressRule) Resolve(ctx context.Context, endpoint string) (string, error) {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "tcp://"))
	if err != nil {
		return "", fmt.Errorf("address %q: want tcp://host:port", endpoint)
	}
	addresses, err := r.lookup(ctx, host)
	if err != nil {
		return "", err
	}
	var refused error
	for _, address := range addresses {
		if err := r.allow(address, host); err != nil {
			refused = err
			continue
		}
		return "tcp://" + net.JoinHostPort(address.String(), port), nil
	}
	return "", refused
}

// lookup returns the addresses of a host, at least one. IPv4 comes first: a
// ZeroMQ socket that is bound to every interface has no IPv6 unless it asked.
func (r *AddressRule) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addresses, err := r.resolver.LookupNetIP(ctx, "ip", host)
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown): // its own text names our name servers
		return nil, fmt.Errorf("look up %q: %s", host, unknown.Err)
	case err != nil:
		return nil, fmt.Errorf("look up %q: %w", host, err)
	case len(addresses) == 0:
		return nil, fmt.Errorf("look up %q: it has no address", host)
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	return addresses, nil
}

// ParsePrefixes reads what --webhook-allow takes: CIDRs such as 10.0.0.0/8,
// and addresses, with commas between them. The error has all that is wrong, in
// one line.
func ParsePrefixes(text string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var wrong []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := parsePrefix(part)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return prefixes, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		text = address.Unmap().String() + "/" + strconv.Itoa(address.Unmap().BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return prefix, fmt.Errorf("%q is no CIDR: want an address and a length, such as 10.0.0.0/8", text)
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("%q has bits behind its length: want %v", text, prefix.Masked())
	case prefix.Addr().Is4In6():
		return prefix, fmt.Errorf("%q is an IPv4 range written as IPv6: want the IPv4 one, such as 10.0.0.0/8", text)
	}
	return prefix, nil
}
