package modbus_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// integers returns a point for each of so many holding registers.
func integers(t *testing.T, device driver.Device, first, count int) []driver.Point {
	t.Helper()
	points := make([]driver.Point, count)
	for k := range points {
		points[k] = point(t, device, driver.Int, holding("offset", first+k, "dataType", "uint16"))
	}
	return points
}

// TestTwoOf200 reads 200 registers of a device that has two of them not: the
// others flow from the first read on, and those two say why they do not.
func TestTwoOf200(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	device := open(t, modbus.New(modbus.Options{}), s.settings())
	points := integers(t, device, 2000, 200)
	for range 3 {
		readings, err := device.Read(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		for k, r := range readings {
			at := 2000 + k
			switch missing := at == 2057 || at == 2130; {
			case missing && (r.Err == nil || !contains(r.Err, "illegal data address (exception 2); next try at ")):
				t.Errorf("register %d, which is not there: got %v, %v", at, r.Value, r.Err)
			case !missing && (r.Err != nil || r.Value != int64(at)):
				t.Errorf("register %d: got %v, %v", at, r.Value, r.Err)
			}
		}
	}
}

// TestLearningLetsOthersRead has a unit behind a gateway refuse every fifth of
// its addresses: while it is found out which, another unit waits for one request
// of it at a time.
func TestLearningLetsOthersRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const answerTime = 20 * time.Millisecond
		g := &gateway{answer: func(unit byte, good []byte) []byte {
			time.Sleep(answerTime)
			first, count := int(binary.BigEndian.Uint16(good[9:])), int(good[8])/2
			if unit == 1 && (first+count-1)/5 > (first-1)/5 {
				return refuse(good, 2)
			}
			return good
		}}
		d := g.driver()
		a, _ := g.unit(t, d, 1)
		b, pb := g.unit(t, d, 2)
		defer shut(t, a)
		defer shut(t, b)
		points := integers(t, a, 1, 200)
		var learning sync.WaitGroup
		done := make(chan struct{})
		learning.Go(func() {
			defer close(done)
			for range 20 {
				if _, err := a.Read(t.Context(), points); err != nil {
					t.Error(err)
				}
			}
		})
		for reads := 0; ; reads++ {
			select {
			case <-done:
				if reads < 100 {
					t.Errorf("the other was read %d times", reads)
				}
				return
			default:
			}
			before := time.Now()
			read(t, b, pb)
			if took := time.Since(before); took > 2*answerTime {
				t.Fatalf("the other waited for %v, want 2 answers' time at most", took)
			}
		}
	})
}
