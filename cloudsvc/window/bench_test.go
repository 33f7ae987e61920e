package window

import (
	"fmt"
	"testing"
	"time"

	"datastub/dataplane"
)

// BenchmarkAdd takes in messages of 10,000 devices of a node, one each a second.
func BenchmarkAdd(b *testing.B) {
	for _, slide := range []time.Duration{time.Minute, 10 * time.Second} {
		b.Run(slide.String(), func(b *testing.B) {
			bench := newBench(b, Spec{Size: time.Minute, Slide: slide, By: Topic | Device, Functions: Count | Avg, Lateness: 10 * time.Second})
			const devices = 10_000
			messages := make([]dataplane.Message, devices)
			for i := range messages {
				messages[i] = reading(0, dataplane.DoubleValue(float64(i)))
				messages[i].Device = fmt.Sprintf("boiler-%d", i)
			}
			for n := 0; b.Loop(); n++ {
				m := &messages[n%devices]
				m.Seq++
				m.Time = noon.Add(time.Duration(n/devices) * time.Second)
				if err := bench.r.Add(Place{Block: uint64(n)}, m); err != nil {
					b.Fatal(err)
				}
				bench.take()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
