package kubeedge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"datastub/hack/kubeedge"
	"datastub/hack/process"
	"datastub/hack/stack"
)

// pushed is a virtual Device with its DeviceModel: counters that are pushed by
// HTTP, by MQTT, by OTEL and to the data plane.
func pushed(receiver, broker string) string {
	host, port, _ := net.SplitHostPort(receiver)
	return stack.PushingDevice("pushed",
		stack.PushMethod{Property: "posted", Method: fmt.Sprintf("http: {hostName: 'http://%s', port: %s, requestPath: /values}", host, port)},
		stack.PushMethod{Property: "published", Method: fmt.Sprintf("mqtt: {address: 'tcp://%s', topic: plant/published, qos: 1}", broker)},
		stack.PushMethod{Property: "otel", Method: "otel: {endpointURL: 'http://127.0.0.1:4318'}"},
		stack.PushMethod{Property: "wished", Method: "mqtt: {address: 'zmq://any', topic: plant/wished}"})
}

// A receiver keeps the numbers that it is posted, unless it refuses them.
type receiver struct {
	mu      sync.Mutex
	refuses bool
	refused int
	numbers []int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	text, _, _ := strings.Cut(strings.TrimPrefix(string(body), "posted="), "&")
	n, err := strconv.Atoi(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.refuses:
		r.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil || request.URL.Path != "/values":
		w.WriteHeader(http.StatusBadRequest)
	default:
		r.numbers = append(r.numbers, n)
	}
}

func (r *receiver) refuse(refuses bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuses
}

func (r *receiver) counts() (taken, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.numbers), r.refused
}

// published counts what a mosquitto_sub, which connects again by itself, prints.
func published(t *testing.T, address string) (count func() int) {
	t.Helper()
	host, at, _ := net.SplitHostPort(address)
	log := &stack.Log{}
	p, err := process.Start(process.Options{Command: "mosquitto_sub", Stdout: log, Args: []string{"-h", host, "-p", at, "-t", "plant/#", "-q", "1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return func() int { return strings.Count(log.String(), "plant/published: ") }
}

// TestPush: what a CR says of pushMethod is done or told. A receiver that
// refuses for a while misses nothing, a broker that is killed gets what comes
// after, and the data plane carries what none of them is to have.
func TestPush(t *testing.T) {
	broker := stack.StartBroker(t, "allow_anonymous true")
	messages := published(t, broker.Address)
	r := &receiver{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	s := stack.New(t)
	sub := s.Subscribe("plant/wished")
	m := s.StartEdgeMapper(kubeedge.Node, cluster.DMI)
	apply(t, pushed(server.Listener.Addr().String(), broker.Address))
	eventually(t, "values by HTTP", func() bool { n, _ := r.counts(); return n > 10 })
	eventually(t, "values by MQTT", func() bool { return messages() > 10 })
	eventually(t, "values by zmq://", func() bool { return len(sub.Messages("pushed")) > 10 })
	eventually(t, "the warning of otel", func() bool {
		return strings.Contains(m.Log.String(), "spec.properties[otel].pushMethod: nothing is pushed by otel: subscribe to the property's topic at cloudsvc")
	})
	r.refuse(true)
	broker.Kill()
	eventually(t, "both outages are told", func() bool {
		_, refused := r.counts()
		return refused > 0 && strings.Count(m.Log.String(), "Push fails: values wait") >= 2
	})
	taken, _ := r.counts()
	r.refuse(false)
	broker.Start(t)
	before := messages()
	eventually(t, "values again", func() bool { n, _ := r.counts(); return n > taken+30 && messages() > before+30 })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.numbers); i++ {
		if r.numbers[i] < r.numbers[i-1] || r.numbers[i] > r.numbers[i-1]+1+slept {
			t.Errorf("by HTTP %d comes after %d", r.numbers[i], r.numbers[i-1])
		}
	}
}
