package push

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"datastub/driver"
	"datastub/hack/process"
	"datastub/hack/stack"
	"datastub/mapper"
)

// output is what a program has printed so far.
type output struct{ stack.Log }

// lines returns the whole lines, each run of equal ones once, as QoS 1 may have
// them.
func (o *output) lines() []string {
	all := strings.SplitAfter(o.String(), "\n")
	return slices.Compact(all[:len(all)-1])
}

// subscribe starts a mosquitto_sub, which prints a line for each message: "1"
// if it was retained, its QoS, topic and text. Its session outlives its
// connection, and once the broker was stopped well that, too. It connects
// again by itself.
func subscribe(t *testing.T, b *stack.Broker, topic string) *output {
	t.Helper()
	host, port, _ := net.SplitHostPort(b.Address)
	lines := &output{}
	s, err := process.Start(process.Options{Command: "mosquitto_sub", Stdout: lines, Args: []string{
		"-h", host, "-p", port, "-i", "subscriber", "-c", "-t", topic, "-q", "2", "-F", "%r %q %t|%p",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	eventually(t, "mosquitto_sub is subscribed", func() bool { return strings.Contains(b.Log.String(), "Sending SUBACK to subscriber") })
	return lines
}

// wantLines waits until all lines there are are these.
func wantLines(t *testing.T, lines *output, want []string) {
	t.Helper()
	eventually(t, "all values are there", func() bool { return len(lines.lines()) >= len(want) })
	if got := lines.lines(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const logAll = "allow_anonymous true\nlog_type all"

// published returns a property that is published at QoS 1.
func published(name, broker, topic string) mapper.Property {
	return mapper.Property{Point: driver.PointConfig{Name: name}, Push: mapper.Push{
		MQTT: &mapper.PushMQTT{Broker: broker, Topic: topic, QoS: 1},
	}}
}

// sentences returns the values of a topic from one number to below another, as
// the subscriber prints them.
func sentences(topic string, from, to int) (all []string) {
	for n := from; n < to; n++ {
		all = append(all, fmt.Sprintf("0 1 %s|time is 2026-11-23 16:35:19  %s: %d\n", topic, topic, n))
	}
	return all
}

// Values that were under way when the broker was killed, and those that come
// while it is away, arrive when it is back, in order.
func TestMQTTOutage(t *testing.T) {
	t.Parallel()
	b := stack.StartBroker(t, logAll)
	lines := subscribe(t, b, "plant/#")
	if err := b.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	b.Start(t) // knows the subscriber's session from now on, whatever happens
	r := newRig(t)
	push := r.run(deviceOf("boiler", published("t", "tcp://"+b.Address, "plant/t")))
	for n := range 100 {
		push(0, int64(n))
	}
	wantLines(t, lines, sentences("plant/t", 0, 100))
	if err := syscall.Kill(b.ID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for n := 100; n < 150; n++ {
		push(0, int64(n))
	}
	eventually(t, "values are under way", func() bool { return r.waiting()[methodMQTT] < 50 })
	b.Kill()
	eventually(t, "the outage is seen", func() bool { return strings.Contains(r.log.String(), "Push fails") })
	for n := 150; n < 200; n++ {
		push(0, int64(n))
	}
	b.Start(t)
	wantLines(t, lines, sentences("plant/t", 0, 200))
	eventually(t, "it is told", func() bool { return strings.Contains(r.log.String(), "Push works again") })
	if n := r.values(methodMQTT, "delivered"); n != 200 {
		t.Errorf("%d counted as delivered, want 200", n)
	}
}

// All properties share one connection, by a name that is the mapper's, and each
// is published as its CR says.
func TestMQTT(t *testing.T) {
	t.Parallel()
	b := stack.StartBroker(t, logAll)
	r := newRig(t)
	kept := published("kept", "tcp://"+b.Address, "plant/kept")
	kept.Push.MQTT.QoS, kept.Push.MQTT.Retained = 2, true
	once := published("once", "tcp://"+b.Address, "plant/once")
	once.Push.MQTT.QoS = 0
	push := r.run(deviceOf("boiler", kept, once))
	push(0, 20.5)
	eventually(t, "it is delivered", func() bool { return r.values(methodMQTT, "delivered") == 1 })
	lines := subscribe(t, b, "plant/#")
	other := r.run(deviceOf("other", published("t", "tcp://"+b.Address, "plant/t")))
	const at = "|time is 2026-11-23 16:35:19  "
	want := []string{"1 2 plant/kept" + at + "plant/kept: 20.5\n", "0 0 plant/once" + at + "plant/once: on, and off\n"}
	wantLines(t, lines, want[:1])
	push(1, "on, and off")
	wantLines(t, lines, want)
	other(0, true)
	wantLines(t, lines, append(want, "0 1 plant/t"+at+"plant/t: true\n"))
	r.stop()
	id := clientID("edge-1/mapper", "tcp://"+b.Address)
	if n := strings.Count(b.Log.String(), " as "+id+" "); n != 1 {
		t.Errorf("%s has connected %d times, want once:\n%s", id, n, b.Log.String())
	}
	eventually(t, "it says goodbye", func() bool { return strings.Contains(b.Log.String(), "Received DISCONNECT from "+id) })
}

// A broker that lets nobody in is tried again; its password is told to nobody
// else.
func TestMQTTRefused(t *testing.T) {
	t.Parallel()
	b := stack.StartBroker(t, "allow_anonymous false")
	r := newRig(t)
	push := r.run(deviceOf("boiler", published("t", "tcp://u:s3cret@"+b.Address, "plant/t")))
	push(0, 1.5)
	eventually(t, "it is told", func() bool { return strings.Contains(r.log.String(), "not Authorized") })
	if strings.Contains(r.log.String(), "s3cret") {
		t.Errorf("the log tells secrets:\n%s", r.log.String())
	}
	r.stop()
	if n := r.values(methodMQTT, "dropped"); n != 1 {
		t.Errorf("%d dropped in the end, want the one", n)
	}
}

func TestClientID(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, client := range []string{"edge-1/mapper", "edge-2/mapper"} {
		for _, broker := range []string{"tcp://a:1883", "tcp://b:1883"} {
			id := clientID(client, broker)
			if !strings.HasPrefix(id, "datastub-edge-") || len(id) != len("datastub-edge-1-mapper-01234567") || id != clientID(client, broker) {
				t.Errorf("got %q", id)
			}
			ids[id] = true
		}
	}
	if len(ids) != 4 {
		t.Errorf("got %v, want 4 of them", ids)
	}
}
