package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/hack/link"
	"datastub/hack/stack"
)

const (
	// slowRate is a bad line's, in bytes a second, and slowBuffer what its modem
	// holds: 4 s.
	slowRate   = 32 << 10
	slowBuffer = 128 << 10
	// perAlarm is how many BT messages are published with each RT one.
	perAlarm = 8
)

// feed publishes at a mapper's socket ten times a second: an RT message, and
// perAlarm of BT, which do not compress and are so many bytes a second. It ends
// with the test, or when end is called.
func feed(t *testing.T, path string, btRate int) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var feeding sync.WaitGroup
	feeding.Go(func() {
		var dialer net.Dialer
		client := http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) },
		}}
		defer client.CloseIdleConnections()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if err := alarm(&client, n, btRate/10/perAlarm); err != nil {
				t.Errorf("publish alarm %d: %v", n, err)
				return
			}
		}
	})
	end = sync.OnceFunc(func() {
		cancel()
		feeding.Wait()
	})
	t.Cleanup(end)
	return end
}

// alarm publishes an RT message and perAlarm of BT with as many random bytes.
func alarm(client *http.Client, n, size int) error {
	all := []map[string]any{{"topic": "alarm", "class": "RT", "value": n}}
	for range perAlarm {
		noise := make([]byte, size)
		_, _ = rand.Read(noise)
		all = append(all, map[string]any{"topic": "noise", "class": "BT", "type": "bytes", "value": noise})
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	resp, err := client.Post("http://mapper/publish", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("answered %s: %s", resp.Status, text)
	}
	return nil
}

// checkComplete waits until all that was fed has come, and fails unless it did
// once and in order.
func checkComplete(t *testing.T, sub *stack.Subscriber) {
	t.Helper()
	stack.Eventually(t, "all of RT and BT", func() bool {
		rt, bt := sent(sub, dataplane.RT), sent(sub, dataplane.BT)
		return len(bt) == perAlarm*len(rt)
	})
	stack.CheckUnbroken(t, "the stream", sub.Messages(""))
}

func sent(sub *stack.Subscriber, class dataplane.Class) []stack.Received {
	return slices.DeleteFunc(sub.Messages(""), func(r stack.Received) bool { return r.Class != class })
}

// agesOf returns how old messages were when they arrived, rising.
func agesOf(got []stack.Received) []time.Duration {
	var ages []time.Duration
	for _, r := range got {
		ages = append(ages, r.At.Sub(r.Time))
	}
	slices.Sort(ages)
	return ages
}

// TestAlarmsOnASlowLine has a mapper make three times the BT that its line
// carries: RT arrives fresh, and BT once the line is mended. Without a Pacer
// RT is as old as what the modem holds.
func TestAlarmsOnASlowLine(t *testing.T) {
	s := stack.New(t)
	l := s.StartLink(link.Options{Rate: slowRate, Buffer: slowBuffer, Latency: 20 * time.Millisecond})
	m, path := startWithSocket(t, s)
	sub := s.Subscribe("#")
	end := feed(t, path, 3*slowRate)
	stack.Eventually(t, "200 alarms", func() bool { return len(sent(sub, dataplane.RT)) >= 200 })
	ages := agesOf(sent(sub, dataplane.RT))
	p50, p99 := ages[len(ages)/2], ages[len(ages)*99/100]
	up, _ := l.Bytes()
	metrics := scrape(t, m.URL())
	t.Logf("RT was %v old, p99 %v; %d bytes went up, %s a second are said to", p50, p99, up, value(metrics, "datastub_mapper_uplink_rate_bytes"))
	if p99 > 2*time.Second {
		t.Errorf("RT was %v old, p99 %v: want at most 2s", p50, p99)
	}
	if got := value(metrics, `datastub_mapper_uplink_compression_level{class="BT"}`); got != "2" {
		t.Errorf("the level of compression is %s, want 2", got)
	}
	end()
	l.SetRate(0)
	checkComplete(t, sub)
}

// TestMaxRate has a fast line, of which a mapper may take little.
func TestMaxRate(t *testing.T) {
	const maxRate = slowRate
	s := stack.New(t)
	l := s.StartLink(link.Options{})
	s.Dial = fmt.Sprintf("{address: %s, maxRate: %d}", s.Dial, maxRate)
	_, path := startWithSocket(t, s)
	sub := s.Subscribe("#")
	begin := time.Now()
	end := feed(t, path, maxRate*3/2)
	stack.Eventually(t, "100 alarms", func() bool {
		// What is counted is no earlier than the time that it is held against.
		up, _ := l.Bytes()
		if most := maxRate * (1 + time.Since(begin).Seconds()); float64(up) > most {
			t.Fatalf("%d bytes went up in %v", up, time.Since(begin))
		}
		return len(sent(sub, dataplane.RT)) >= 100
	})
	end()
	ages := agesOf(sent(sub, dataplane.RT))
	t.Logf("RT was %v old, at most %v", ages[len(ages)/2], ages[len(ages)-1])
	checkComplete(t, sub)
}
