package mapper

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// Whom the mapper's HTTP, or the device API alone, is not for.
var (
	errRemote    = errors.New("devices are read and written from this machine only; deviceAPI.remote: true in config.yaml opens them to others")
	errName      = errors.New("this machine is served to itself only, and not under any name; deviceAPI.remote: true in config.yaml takes them all")
	errCrossSite = errors.New("another site's page may not write devices")
)

// DeviceAPI says who may read and write devices over HTTP, and how.
type DeviceAPI struct {
	GetWrites bool `yaml:"getWrites"` // GET writes too, as with mapper-framework
	Remote    bool `yaml:"remote"`    // other machines may, too: whoever reaches http
}

// An access says whose requests the device API takes: those of this machine,
// unless it is remote, and of no browser that shows another site's page. What
// proxies say of a client counts for nothing.
type access struct {
	remote bool
	sites  http.CrossOriginProtection
}

// guard puts the access before an operation.
func (a *access) guard(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.check(r); err != nil {
			return err
		}
		return handle(w, r)
	}
}

func (a *access) check(r *http.Request) error {
	if !a.remote {
		if client, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !isLoopback(client.Addr()) {
			return errRemote
		}
		if err := checkName(r); err != nil {
			return err
		}
	}
	asWrite := r.WithContext(r.Context()) // a GET may be one
	asWrite.Method = http.MethodPost
	if a.sites.Check(asWrite) != nil {
		return errCrossSite
	}
	return nil
}

// checkName refuses a request for a name that is not this machine's for itself:
// a page whose name came to mean this machine ("DNS rebinding").
func checkName(r *http.Request) error {
	if !isLoopbackHost(r.Host) {
		return fmt.Errorf("%w: the request is for %q, want localhost or 127.0.0.1", errName, cutShort(r.Host))
	}
	return nil
}

// isLoopbackHost tells whether a Host header names this machine to itself.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" || host == "[::1]" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && isLoopback(addr)
}

func isLoopback(addr netip.Addr) bool { return addr.Unmap().IsLoopback() }
