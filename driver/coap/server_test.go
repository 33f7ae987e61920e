package coap_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"datastub/driver"
)

// patience is how long a test waits for what takes no time.
const patience = 20 * time.Second

// A server is libcoap's example server in a process of its own. What is put
// becomes a resource, which can be observed.
type server struct {
	program string
	args    []string
	port    int // of CoAP; DTLS has the next
	cmd     *exec.Cmd
	seed    []resource
}

// A resource is put at each start of a server.
type resource struct{ path, format, payload string }

// startServer starts coap-server until the test ends, and returns when it
// answers. Without it the test fails: this driver is not tested without a real
// device.
func startServer(t *testing.T, seed ...resource) *server {
	t.Helper()
	return start(t, &server{program: "coap-server-notls", seed: seed})
}

// secret is the key that a secure server shares.
const secret = "open sesame"

// startSecure starts one that speaks DTLS, too.
func startSecure(t *testing.T, seed ...resource) *server {
	t.Helper()
	return start(t, &server{program: "coap-server-openssl", args: []string{"-k", secret}, seed: seed})
}

func start(t *testing.T, s *server) *server {
	t.Helper()
	s.port = freePort(t)
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

// freePort returns a port of which the next is free, too.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		first, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		second, err := net.ListenPacket("udp", address(port+1))
		_ = first.Close()
		if err == nil {
			_ = second.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (s *server) start(t *testing.T) {
	t.Helper()
	args := append([]string{"-A", "127.0.0.1", "-p", strconv.Itoa(s.port), "-d", "100", "-v", "0"}, s.args...)
	s.cmd = exec.Command(s.program, args...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start the CoAP server (Debian's libcoap3-bin): %v", err)
	}
	eventually(t, "the CoAP server answers", func() bool { return pings(s.port) })
	for _, r := range s.seed {
		s.put(t, r)
	}
}

// pings tells whether a CoAP server answers a ping, RFC 7252 section 4.3.
func pings(port int) bool {
	conn, err := net.Dial("udp", address(port))
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte{0x40, 0, 0, 1}); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 4))
	return err == nil
}

// stop kills the process, which says goodbye to nobody.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait() // says that it was killed
	s.cmd = nil
}

// put has libcoap's client make or change a resource.
func (s *server) put(t *testing.T, r resource) {
	t.Helper()
	s.client(t, "-m", "put", "-t", r.format, "-e", r.payload, "coap://"+address(s.port)+r.path)
}

// get returns what libcoap's client reads.
func (s *server) get(t *testing.T, path string) string {
	t.Helper()
	return strings.TrimSuffix(s.client(t, "-m", "get", "coap://"+address(s.port)+path), "\n")
}

func (s *server) client(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "coap-client-notls", args...).Output()
	if err != nil {
		t.Fatalf("coap-client %v: %v", args, err)
	}
	return string(out)
}

// settings are a device's.
func (s *server) settings() driver.Settings { return driver.Settings{"address": address(s.port)} }

// silent returns a port that takes requests and answers none, and a channel
// that gets a value for each.
func silent(t *testing.T) (port int, requests <-chan struct{}) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken, done := make(chan struct{}, 64), make(chan struct{}) // more than any test sends
	go func() {
		defer close(done)
		for {
			if _, _, err := conn.ReadFrom(make([]byte, 1500)); errors.Is(err, net.ErrClosed) {
				return
			}
			taken <- struct{}{}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().(*net.UDPAddr).Port, taken
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline.C:
			t.Fatalf("not after %v: %s", patience, what)
		case <-tick.C:
		}
	}
}
