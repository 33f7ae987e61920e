package cloudsvc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is everything about cloudsvc that can be set. Later sources win:
// the defaults, a YAML file, the environment, the command line.
type Config struct {
	HTTP             string          // where to serve HTTP, host:port
	Uplink           string          // where publishers dial in, a tcp:// URL
	Data             string          // folder of the embedded log
	Sync             Sync            // when that is synced to disk
	Retention        []RetentionRule // how long what is kept
	DeadLetters      LetterRetention // how long those are kept
	NATSURL          string          // NATS servers, instead of the embedded log; commas between them
	WebhookAllow     []netip.Prefix  // the exceptions of AddressRule
	WebhookOrigin    string          // what receivers know cloudsvc by, when they are asked: a DNS name
	WebhookCA        string          // PEM file of who may vouch for receivers besides whom the system trusts
	NATSSyncInterval time.Duration   // how often those servers sync to disk
}

// DefaultConfig listens on loopback only.
func DefaultConfig() Config {
	return Config{
		HTTP:             "127.0.0.1:8080",
		Uplink:           "tcp://127.0.0.1:5557",
		Data:             "cloudsvc-data",
		WebhookOrigin:    "datastub",
		NATSSyncInterval: 2 * time.Minute, // NATS's own default
	}
}

// Validate returns every problem, each with the key of the YAML file.
func (c *Config) Validate() error {
	return errors.Join(
		validateHTTP(c.HTTP),
		validateUplink(c.Uplink),
		c.validateLog(),
		validateRetention(c.Retention),
		validateOrigin(c.WebhookOrigin),
	)
}

func validateHTTP(address string) error {
	if err := validateHostPort(address); err != nil {
		return fmt.Errorf("http: %q: %w: want host:port, such as 127.0.0.1:8080, or :8080 for every interface", address, err)
	}
	return nil
}

func validateUplink(address string) error {
	hostPort, ok := strings.CutPrefix(address, "tcp://")
	err := validateHostPort(hostPort)
	switch {
	case !ok:
		err = errors.New("no tcp:// URL")
	case err == nil && strings.HasPrefix(hostPort, ":"):
		err = errors.New("no host")
	}
	if err != nil {
		return fmt.Errorf("uplink: %q: %w: want tcp://host:port, such as tcp://127.0.0.1:5557, or tcp://*:5557 for every interface", address, err)
	}
	return nil
}

func validateOrigin(origin string) error {
	if !validHost(origin) {
		return fmt.Errorf("webhookOrigin: %.64q: want a DNS name, such as datastub.example.com", origin)
	}
	return nil
}

func validateHostPort(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("no host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is no number from 0 to 65535", port)
	}
	return nil
}

// validateLog checks where the log is: in data, or at natsURL, and who syncs it.
func (c *Config) validateLog() error {
	var errs []error
	switch {
	case c.NATSURL == "" && c.Data == "":
		errs = append(errs, errors.New("data: empty, and so is natsURL: want a folder for the embedded log, or NATS servers to keep it"))
	case c.NATSURL != "" && c.Data != "" && c.Data != DefaultConfig().Data:
		errs = append(errs, fmt.Errorf("data: %q, and natsURL is set too: the log is in that folder or at those servers, so leave one of them out", c.Data))
	}
	switch err := c.Sync.validate(); {
	case err != nil:
		errs = append(errs, err)
	case c.NATSURL != "" && c.Sync != "":
		errs = append(errs, fmt.Errorf("sync: %q, and natsURL is set too: its servers sync as their sync_interval says; leave sync out, and give natsSyncInterval what that is", c.Sync))
	}
	for server := range strings.SplitSeq(c.NATSURL, ",") {
		if c.NATSURL != "" {
			errs = append(errs, validateNATSServer(strings.TrimSpace(server)))
		}
	}
	if c.NATSSyncInterval <= 0 {
		errs = append(errs, fmt.Errorf("natsSyncInterval: %v: want more than 0, such as 2m", c.NATSSyncInterval))
	}
	return errors.Join(errs...)
}

// validateNATSServer never repeats the URL, as it may hold a password.
func validateNATSServer(server string) error {
	const want = "want nats://host:port, or tls, ws or wss"
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return errors.New("natsURL: one of the servers is no URL: " + want)
	case u.Host == "":
		return errors.New("natsURL: one of the servers has no host: " + want)
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
		return nil
	}
	return fmt.Errorf("natsURL: scheme %q of %s: %s", u.Scheme, u.Host, want)
}
