package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
)

// freePort returns a TCP address that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// publishLAN publishes on a LAN, as a mapper does: a value of each of two
// devices, again and again, until the test ends or stop is called. It has no
// cloudsvc.
func publishLAN(t *testing.T, endpoint string, text bool) (stop func()) {
	t.Helper()
	p, err := zmq.NewPublisher(zmq.PublisherOptions{
		Node: "edge-1", Mapper: "mapper", Uplink: "tcp://" + freePort(t), LAN: endpoint, LANText: text,
		Spool: spool.Storage{MaxBytes: 1 << 20}, Logger: klog.Background(),
		Batch: uplink.BatchPolicy{MaxCount: 1, MaxBytes: 1, MaxAge: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its cleanups
	var working sync.WaitGroup
	working.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("publisher: %v", err)
		}
	})
	working.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			var messages []dataplane.Message
			for _, device := range []string{"boiler-1", "boiler-10"} {
				messages = append(messages, dataplane.Message{
					Topic: "sensor/temperature", Namespace: "default", Device: device, Class: dataplane.RT,
					Value: dataplane.FloatValue(21.5), Unit: "°C", Time: clienttest.Time,
				})
			}
			_ = p.Publish(messages) // refused at the end
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		working.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func TestTap(t *testing.T) {
	at := clienttest.Time.Local().Format("15:04:05.000")
	for format, text := range map[string]bool{"json": false, "text": true} {
		t.Run(format, func(t *testing.T) {
			t.Parallel() // the publisher tries for 5 s to deliver to a cloudsvc
			endpoint := "tcp://" + freePort(t)
			publishLAN(t, endpoint, text)
			status, out, stderr := runTo(t, "", "", "tap", endpoint, "default/sensor/temperature/boiler-1", "--count", "2")
			want := strings.Repeat(at+"  RT  default/sensor/temperature/boiler-1  21.5 °C\n", 2)
			wantErr := "datastub: tapping " + endpoint + " (as given): best effort, what is missed does not come again\n" +
				"datastub: 2 came, 0 are missing by their seq\n"
			if status != 0 || out != want || stderr != wantErr {
				t.Errorf("status %d\n%s%s\nwant\n%s%s", status, out, stderr, want, wantErr)
			}
			status, out, stderr = runTo(t, "", "", "tap", endpoint, "+/sensor/#", "--count", "2", "-o", "json")
			if status != 0 || strings.Count(out, `{"id":"edge-1/mapper/RT/`) != 2 || !strings.Contains(out, `"device":"boiler-10"`) {
				t.Errorf("status %d, %s\n%s", status, stderr, out)
			}
		})
	}
}

// TestTapOutlivesTheMapper stops the mapper under a tap, and starts it again.
func TestTapOutlivesTheMapper(t *testing.T) {
	t.Parallel()
	endpoint := "tcp://" + freePort(t)
	stop := publishLAN(t, endpoint, false)
	c := start(t, "", "", "tap", endpoint)
	c.out.await(t, "boiler-1")
	stop()
	c.err.await(t, "datastub: the connection to "+endpoint+" broke; trying again\n")
	publishLAN(t, endpoint, false)
	tapping := "datastub: tapping " + endpoint + " (as given): best effort, what is missed does not come again\n"
	c.err.await(t, "trying again\n"+tapping)
	c.stop()
	if status := <-c.status; status != 0 {
		t.Errorf("Ctrl-C: status %d, %s", status, &c.err)
	}
	c.err.await(t, " came, 0 are missing by their seq\n")
}

func TestTapRefuses(t *testing.T) {
	nobody := "tcp://" + freePort(t)
	const see = "; see datastub tap --help\n"
	tests := map[string]struct {
		args   string
		status int
		want   string // on stderr
	}{
		"nobody there": {nobody, 3, "datastub: cannot tap " + nobody + " (as given): nobody answers at " + nobody +
			": want the address of a PUB socket that is bound; is it the dataplane.lan of a mapper that runs there?\n"},
		"no port":      {"tcp://edge-1", 2, `datastub: address "tcp://edge-1": want tcp://host:port, such as tcp://127.0.0.1:5556, or ipc://path` + see},
		"to bind":      {"tcp://*:5556", 2, `datastub: address "tcp://*:5556": want tcp://host:port, such as tcp://127.0.0.1:5556, or ipc://path` + see},
		"of cloudsvc":  {"http://127.0.0.1:8080", 2, `datastub: address "http://127.0.0.1:8080": want tcp://host:port, such as tcp://127.0.0.1:5556, or ipc://path` + see},
		"half a level": {"default/sens", 2, `datastub: prefix "default/sens" is no whole <namespace>/<topic>/<device>, and does not end in "/", nor begins with tcp:// as an ADDRESS does` + see},
		"bad filter":   {"default/#/a", 2, `datastub: prefix: filter "default/#/a" has "#" before its end: it is the last level or none` + see},
		"swapped":      {"default/ " + nobody, 2, `datastub: arguments ["default/" "` + nobody + `"]: want an ADDRESS, such as tcp://127.0.0.1:5556, and then a PREFIX` + see},
		"count":        {"--count -1", 2, "datastub: --count -1: want 0, for no end, or more" + see},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := runTo(t, "", "", append([]string{"tap"}, strings.Fields(tt.args)...)...)
			if status != tt.status || stderr != tt.want {
				t.Errorf("status %d, stderr\n%swant %d\n%s", status, stderr, tt.status, tt.want)
			}
		})
	}
}
