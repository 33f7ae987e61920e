package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// maxURL is the longest URL of a receiver, in bytes.
const maxURL = 2048

// ParseURL reads a receiver's URL: absolute, http or https, without a user or
// a fragment. Its host is in ASCII then, as name servers know it. The error
// does not repeat the URL, as it may hold what only its owner may know.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	want := ""
	switch {
	case text == "":
		want = "missing"
	case len(text) > maxURL:
		want = fmt.Sprintf("longer than %d bytes", maxURL)
	case err != nil:
		want = "no URL"
	case u.Scheme != "http" && u.Scheme != "https":
		want = "neither http:// nor https://"
	case u.Hostname() == "":
		want = "without a host"
	case u.User != nil:
		want = "with a user, whose password others would see: the signature tells who sends"
	case strings.Contains(text, "#"):
		want = "with a fragment, which is not sent"
	case !validPort(u):
		want = "at a port that there is not, of 1 to 65535"
	default:
		want = readHost(u)
	}
	if want != "" {
		return nil, fmt.Errorf("URL of the receiver is %s: want one such as https://app.example.com/hooks/datastub", want)
	}
	return u, nil
}

// validPort tells whether a URL has a port that can be dialled, or none, which is
// that of its scheme.
func validPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && n > 0
}

// readHost puts a URL's host into ASCII, and returns what is wrong with it.
func readHost(u *url.URL) (wrong string) {
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	ascii := host
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) { // else idna refuses names with a _, which there are
		var err error
		if ascii, err = idna.Lookup.ToASCII(host); err != nil {
			return "at a host that is no name"
		}
		port := u.Port()
		if u.Host = ascii; port != "" {
			u.Host = net.JoinHostPort(ascii, port)
		}
	}
	if isNumber(ascii) {
		return "at a host that is a number, which some take for an address"
	}
	return ""
}

// isNumber tells whether a host's last part is a number, decimal or
// hexadecimal, as that of 0x7f.1 or 2130706433: no name's is, and whether it
// is an address depends on who reads it.
func isNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if _, err := strconv.ParseUint(last, 10, 64); err == nil {
		return true
	}
	hex, ok := strings.CutPrefix(strings.ToLower(last), "0x")
	_, err := strconv.ParseUint(hex, 16, 64)
	return ok && (hex == "" || err == nil)
}
