package mapper

import (
	"cmp"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// push merges where a property is pushed. What is wrong with a method leaves
// out that method only: the property is read and published without it.
func (m *merger) push(i int) Push {
	p := &m.device.Spec.Properties[i]
	method := p.PushMethod
	if method == nil {
		return Push{}
	}
	path := propertyPath(p.Name).Child("pushMethod")
	var push Push
	if method.HTTP != nil {
		push.HTTP = m.pushHTTP(path.Child("http"), method.HTTP)
	}
	if method.MQTT != nil && zmqWish(p) == nil {
		push.MQTT = m.pushMQTT(path.Child("mqtt"), method.MQTT)
	}
	return push
}

// pushHTTP merges a receiver, whose URL is hostName:port followed by
// requestPath. It returns nil where something is wrong.
func (m *merger) pushHTTP(path *field.Path, given *v1beta1.PushMethodHTTP) *PushHTTP {
	before := len(m.faults)
	origin := m.pushHost(path.Child("hostName"), given.HostName)
	if given.Port < 1 || given.Port > math.MaxUint16 {
		m.fail(field.Invalid(path.Child("port"), given.Port, "want 1 to 65535"))
	}
	if given.Timeout < 0 {
		m.fail(field.Invalid(path.Child("timeout"), given.Timeout, "want seconds, 1 or more, or 0 for the default"))
	}
	place := "/" + strings.TrimPrefix(given.RequestPath, "/")
	if _, err := url.ParseRequestURI(place); err != nil {
		shown, _, _ := strings.Cut(given.RequestPath, "?") // what follows may be a password
		m.fail(field.Invalid(path.Child("requestPath"), brief(shown), "want the path of a URL, such as /values"))
	}
	if len(m.faults) > before {
		return nil
	}
	timeout := min(time.Duration(min(given.Timeout, math.MaxInt32))*time.Second, maxPushTimeout)
	return &PushHTTP{URL: origin + ":" + strconv.FormatInt(given.Port, 10) + place, Timeout: timeout}
}

// maxPushTimeout bounds the wait for one receiver. KubeEdge says no unit and
// its mappers heed none: who meant milliseconds waits no longer than this.
const maxPushTimeout = 30 * time.Second

// pushHost checks a host with its scheme, http where there is none, and
// returns both.
func (m *merger) pushHost(path *field.Path, text string) string {
	const want = "want a host such as http://app.example.com or 192.168.0.1, without port and path"
	host := strings.TrimSpace(text)
	if host == "" {
		m.fail(field.Required(path, want))
		return ""
	}
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	u, err := url.Parse(host)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") ||
		u.Port() != "" || *u != *originOf(u) {
		m.fail(field.Invalid(path, brief(withoutUser(text)), want))
		return ""
	}
	return u.String()
}

// originOf returns what stands before a URL's path, and nothing of the rest, not
// even a mark at which it begins.
func originOf(u *url.URL) *url.URL { return &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host} }

// pushMQTT merges a topic of a broker. It returns nil where something is
// wrong.
func (m *merger) pushMQTT(path *field.Path, given *v1beta1.PushMethodMQTT) *PushMQTT {
	before := len(m.faults)
	broker := m.pushBroker(path.Child("address"), given.Address)
	topic := path.Child("topic")
	switch {
	case given.Topic == "":
		m.fail(field.Required(topic, "want the topic to publish to"))
	case len(given.Topic) > math.MaxUint16:
		m.fail(field.TooLong(topic, given.Topic, math.MaxUint16))
	case strings.ContainsAny(given.Topic, "+#\x00") || !utf8.ValidString(given.Topic):
		m.fail(field.Invalid(topic, brief(given.Topic), "want a topic to publish to, without the wildcards + and #"))
	}
	if given.QoS < 0 || given.QoS > 2 {
		m.fail(field.Invalid(path.Child("qos"), int64(given.QoS), "want 0, 1 or 2"))
	}
	if len(m.faults) > before {
		return nil
	}
	return &PushMQTT{Broker: broker, Topic: given.Topic, QoS: byte(given.QoS), Retained: given.Retained}
}

// brokerSchemes are those that an address may have, each with the one of the
// same meaning that stands for it, and with its port.
var brokerSchemes = map[string]struct{ scheme, port string }{
	"mqtt": {"tcp", "1883"}, "tcp": {"tcp", "1883"},
	"mqtts": {"ssl", "8883"}, "ssl": {"ssl", "8883"}, "tls": {"ssl", "8883"}, "tcps": {"ssl", "8883"}, "mqtt+ssl": {"ssl", "8883"},
	"ws": {"ws", "80"}, "wss": {"wss", "443"},
}

// pushBroker checks a broker's address and returns it as brokerURL does.
func (m *merger) pushBroker(path *field.Path, address string) string {
	const want = "want an address such as mqtt://192.168.0.1:1883, with mqtt, tcp, mqtts, ssl, tls, ws or wss, or zmq:// for the data plane"
	if strings.TrimSpace(address) == "" {
		m.fail(field.Required(path, want))
		return ""
	}
	broker, ok := brokerURL(strings.TrimSpace(address))
	if !ok {
		m.fail(field.Invalid(path, brief(withoutUser(address)), want))
	}
	return broker
}

// brokerURL returns a broker's address in the one form that all its spellings
// have, so that they share a connection.
func brokerURL(address string) (broker string, ok bool) {
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", false
	}
	known, ok := brokerSchemes[u.Scheme]
	name := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(name); !ok || name == "" || err != nil && strings.Contains(name, ":") {
		return "", false
	}
	u.Scheme, u.Host, u.Fragment = known.scheme, net.JoinHostPort(name, cmp.Or(u.Port(), known.port)), ""
	if u.Scheme == "tcp" || u.Scheme == "ssl" { // there is nothing behind the port
		if u.Path != "" && u.Path != "/" { // such as zmq:/app, which lacks a slash
			return "", false
		}
		u = originOf(u)
	}
	return u.String(), checkPort(u.Port(), 1) == ""
}

// withoutUser returns an address without the user and the password that stand
// before its host.
func withoutUser(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	scheme, _, found := strings.Cut(address[:at], "://")
	if !found {
		return "…" + address[at:]
	}
	return scheme + "://…" + address[at:]
}
