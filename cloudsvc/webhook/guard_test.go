package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// notedAddresses is a rule that allows nothing, and notes what it was asked.
type notedAddresses struct {
	mu    sync.Mutex
	asked []string
}

func (n *notedAddresses) Allow(a netip.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, a.String())
	return errors.New("as the test wants")
}

// all returns what was asked, without repeats.
func (n *notedAddresses) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.asked)
	return slices.Compact(n.asked)
}

// The rule is asked about each spelling of an address as it is dialled.
func TestGuardAsksAboutWhatIsDialled(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "0.0.0.0": "0.0.0.0", "::": "::", "::1": "::1",
		"::ffff:127.0.0.1": "127.0.0.1", "::ffff:7f00:1": "127.0.0.1", "fe80::1%lo": "fe80::1%lo",
		"64:ff9b::7f00:1": "64:ff9b::7f00:1", "2002:7f00:1::": "2002:7f00:1::", "::127.0.0.1": "::7f00:1",
	} {
		rule := new(notedAddresses)
		conn, err := Guard(rule).DialContext(t.Context(), "tcp", net.JoinHostPort(host, "9"))
		var refused *RefusedError
		if err == nil {
			conn.Close()
		}
		if !errors.As(err, &refused) || !slices.Contains(rule.all(), want) { // :: is dialled as 0.0.0.0, too
			t.Errorf("%s: %v, asked about %v, want it refused by the rule about %s", host, err, rule.all(), want)
		}
	}
}

// A name that means another address each time it is looked up is judged by the
// one that is dialled, whatever it meant when somebody checked it.
func TestGuardIsNotRebound(t *testing.T) {
	t.Parallel()
	server := startNames(t, netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("127.0.0.1"))
	rule := new(notedAddresses)
	dialer := Guard(rule)
	dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
	first, err := dialer.Resolver.LookupNetIP(t.Context(), "ip4", "evil.example.")
	if err != nil || len(first) != 1 || first[0].String() != "203.0.113.1" {
		t.Fatalf("looked up %v, %v, want 203.0.113.1", first, err)
	}
	_, err = dialer.DialContext(t.Context(), "tcp4", "evil.example.:80")
	var refused *RefusedError
	if !errors.As(err, &refused) || !slices.Equal(rule.all(), []string{"127.0.0.1"}) {
		t.Errorf("%v, asked about %v, want it refused by the rule about 127.0.0.1", err, rule.all())
	}
}

// startNames starts a name server that gives an address an answer, the last one
// from then on.
func startNames(t *testing.T, addresses ...netip.Addr) (at string) {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		query := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(query[:n]); err != nil {
				t.Errorf("query: %v", err)
				continue
			}
			m.Response, m.Additionals = true, nil
			if m.Questions[0].Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 0},
					Body:   &dnsmessage.AResource{A: addresses[0].As4()},
				}}
				addresses = addresses[min(1, len(addresses)-1):]
			}
			answer, err := m.Pack()
			if err == nil {
				_, err = socket.WriteTo(answer, from)
			}
			if err != nil {
				t.Errorf("answer: %v", err)
			}
		}
	})
	t.Cleanup(func() {
		_ = socket.Close()
		running.Wait()
	})
	return socket.LocalAddr().String()
}

// The environment's proxy is not asked: the guard would judge the proxy's
// address in place of the receiver's.
func TestNoProxyIsUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the proxy was reached")
	}))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	rule := new(notedAddresses)
	if o := send(t, newSender(t, rule), "http://192.0.2.1/"); o.Verdict != Retry || !slices.Equal(rule.all(), []string{"192.0.2.1"}) {
		t.Errorf("%v (%s), asked about %v, want the receiver's address", o.Verdict, o.Reason, rule.all())
	}
}

// A redirect is an answer, and nothing is sent to where it leads.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	for _, code := range []int{300, 301, 302, 303, 305, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(code)
		}))
		if o := send(t, newSender(t, anywhere{}), server.URL); o.Verdict != Refused || o.Status != code {
			t.Errorf("%d: %v, %d (%s), want refused", code, o.Verdict, o.Status, o.Reason)
		}
		server.Close()
	}
}
