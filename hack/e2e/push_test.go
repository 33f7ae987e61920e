package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"datastub/hack/authority"
	"datastub/hack/stack"
)

// pushingDevice is a stack.PushingDevice with properties p0, p1 and so on.
func pushingDevice(methods ...string) string {
	var named []stack.PushMethod
	for i, method := range methods {
		named = append(named, stack.PushMethod{Property: fmt.Sprintf("p%d", i), Method: method})
	}
	return stack.PushingDevice("pushing", named...)
}

// byMQTT is the pushMethod of a broker, at topic push.
func byMQTT(scheme, broker string) string {
	return fmt.Sprintf("mqtt: {address: '%s://%s', topic: push, qos: 1}", scheme, broker)
}

// byHTTP is the pushMethod of a receiver.
func byHTTP(scheme, receiver string) string {
	host, port, _ := net.SplitHostPort(receiver)
	return fmt.Sprintf("http: {hostName: '%s://%s', port: %s, requestPath: /values}", scheme, host, port)
}

// deaf returns an address where the kernel takes connections and nobody ever
// answers.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestStopsWhilePushStalls has a mapper end in time while nobody to whom it
// pushes answers: two who never did, and a broker that did for a while.
func TestStopsWhilePushStalls(t *testing.T) {
	t.Parallel()
	broker := stack.StartBroker(t, "allow_anonymous true")
	m := stack.New(t).StartMapper("edge-1", map[string]string{
		"pushing.yaml": pushingDevice(byMQTT("tcp", broker.Address), byMQTT("tcp", deaf(t)), byHTTP("http", deaf(t))),
	})
	stack.Eventually(t, "the broker has values", func() bool { return delivered(t, m, "mqtt") > 0 })
	if err := syscall.Kill(broker.ID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waiting := func() uint64 { return sum(t, scrape(t, m.URL()), `datastub_mapper_push_waiting{method="mqtt"}`) }
	before := waiting()
	stack.Eventually(t, "values are under way to the broker, too", func() bool { return waiting() > before+20 })
	m.Stop()
	if n := strings.Count(m.Log.String(), "Push ends with values that were not sent"); n != 3 {
		t.Errorf("the log tells %d times of values that were not sent, want 3:\n%s", n, m.Log)
	}
}

// TestPushOverTLS has a mapper that trusts one authority push to receivers of
// that one, and to others of another: those get nothing, and the log says why.
func TestPushOverTLS(t *testing.T) { // not in parallel: whom it trusts is said by the environment
	trusted, foreign := authority.New(t), authority.New(t)
	t.Setenv("SSL_CERT_FILE", trusted.Path("ca.pem"))
	broker, posts := startTLS(t, trusted)
	foreignBroker, foreignPosts := startTLS(t, foreign)
	m := stack.New(t).StartMapper("edge-1", map[string]string{"pushing.yaml": pushingDevice(
		byMQTT("mqtts", broker), byHTTP("https", posts.address), byMQTT("mqtts", foreignBroker), byHTTP("https", foreignPosts.address),
	)})
	stack.Eventually(t, "values by HTTP", func() bool { return posts.taken.Load() > 10 })
	stack.Eventually(t, "values by MQTT", func() bool { return delivered(t, m, "mqtt") > 10 })
	for _, push := range []string{"ssl://" + foreignBroker, "https://" + foreignPosts.address} {
		stack.Eventually(t, "the log says why nothing is pushed to "+push, func() bool {
			for line := range strings.Lines(m.Log.String()) {
				if strings.Contains(line, `push="`+push+`"`) && strings.Contains(line, "certificate signed by unknown authority") {
					return true
				}
			}
			return false
		})
	}
	if n := foreignPosts.taken.Load(); n > 0 {
		t.Errorf("the receiver of another authority has %d values", n)
	}
}

// A receiver of posts, by HTTPS.
type posts struct {
	address string
	taken   atomic.Int64
}

// startTLS starts a broker and an HTTP server with certificates of an authority.
func startTLS(t *testing.T, a *authority.Authority) (broker string, p *posts) {
	t.Helper()
	certificate, key := a.Path("server.pem"), a.Path("server.key")
	broker = stack.StartBroker(t, fmt.Sprintf("allow_anonymous true\ncertfile %s\nkeyfile %s", certificate, key)).Address
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	p = &posts{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { p.taken.Add(1) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that hang up
	server.StartTLS()
	t.Cleanup(server.Close)
	p.address = server.Listener.Addr().String()
	return broker, p
}

// delivered returns how many values a mapper has pushed by a method.
func delivered(t *testing.T, m *stack.Mapper, method string) uint64 {
	t.Helper()
	return sum(t, scrape(t, m.URL()), `datastub_mapper_push_values_total{method="`+method+`",result="delivered"}`)
}
