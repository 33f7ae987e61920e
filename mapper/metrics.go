package mapper

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"datastub/dataplane"
	"datastub/driver"
)

// Where messages come from: the values of the label source.
const (
	fromDevices = "devices"
	fromSocket  = "socket"
)

// stateUnknown is the state of a device that has not been read yet, in
// KubeEdge's word.
const stateUnknown State = "unknown"

// metrics counts what happens outside of the fleet. Labels are bounded: a
// source, a class or a status, never a topic or a device.
type metrics struct {
	published *prometheus.CounterVec // by source and class
	refused   *prometheus.CounterVec // by source
	requests  *prometheus.CounterVec // by code
}

func newMetrics() *metrics {
	return &metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_mapper_published_messages_total", Help: "Messages that the data plane accepted.",
		}, []string{"source", "class"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_mapper_refused_messages_total", Help: "Messages that the data plane refused: they are lost.",
		}, []string{"source"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_mapper_socket_requests_total", Help: "Requests at the Unix socket, by HTTP status.",
		}, []string{"code"}),
	}
}

// register adds all metrics of an app but those of its uplink.
func (m *metrics) register(r *prometheus.Registry, config *Config, app *App) error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "datastub_mapper_info", Help: "Who the mapper is. The value is 1.",
		ConstLabels: prometheus.Labels{"node": config.Node, "mapper": config.Common.Name},
	})
	info.Set(1)
	var errs []error
	for _, c := range [...]prometheus.Collector{
		info, m.published, m.refused, m.requests, app.fleet.counters.reads, newFleetCollector(app.fleet, app.Status),
	} {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}

// countRequests returns the handler of the socket, counting.
func (m *metrics) countRequests(handler http.Handler) http.Handler {
	return promhttp.InstrumentHandlerCounter(m.requests, handler)
}

// newReads returns the histogram of how long reads take.
func newReads() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "datastub_mapper_read_duration_seconds",
		Help: "How long reads of a device took, by how they ended: ok, unreachable, timeout or error.",
		// From a register of a PLC next door to the driver's limit.
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"result"})
}

// read observes one read.
func (c *counters) read(took time.Duration, err error) {
	result := "ok"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		result = "timeout"
	case errors.Is(err, driver.ErrUnreachable):
		result = "unreachable"
	case err != nil:
		result = "error"
	}
	c.reads.WithLabelValues(result).Observe(took.Seconds())
}

// A fleetCollector tells Prometheus of a fleet, at the time of the scrape.
type fleetCollector struct {
	fleet                      *Fleet
	status                     *Status
	devices, readings, skipped *prometheus.Desc
}

func newFleetCollector(fleet *Fleet, status *Status) *fleetCollector {
	return &fleetCollector{
		fleet: fleet, status: status,
		devices: prometheus.NewDesc("datastub_mapper_devices",
			"Devices, by state; unknown are those that were not read yet.", []string{"state"}, nil),
		readings: prometheus.NewDesc("datastub_mapper_readings_total",
			"Values read of properties, by result: ok or error.", []string{"result"}, nil),
		skipped: prometheus.NewDesc("datastub_mapper_skipped_cycles_total",
			"Cycles left out because the device was still being read.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *fleetCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.devices
	descs <- c.readings
	descs <- c.skipped
}

// Collect implements prometheus.Collector.
func (c *fleetCollector) Collect(metrics chan<- prometheus.Metric) {
	states, unknown := c.status.states(), c.fleet.size()
	for _, n := range states {
		unknown -= n
	}
	states[stateUnknown] = max(unknown, 0) // a device may come or go between the two counts
	for state, n := range states {
		metrics <- prometheus.MustNewConstMetric(c.devices, prometheus.GaugeValue, float64(n), string(state))
	}
	counts := c.fleet.Counts()
	counter := func(desc *prometheus.Desc, n uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	counter(c.readings, counts.Collected-counts.Failed, "ok")
	counter(c.readings, counts.Failed, "error")
	counter(c.skipped, counts.Skipped)
}

// A meter is a Publisher that counts what another one takes from one source.
type meter struct {
	publisher Publisher
	published [len(dataplane.Classes) + 1]prometheus.Counter // by Class
	refused   prometheus.Counter
}

// meter returns the publisher, counting.
func (m *metrics) meter(source string, publisher Publisher) *meter {
	metered := &meter{publisher: publisher, refused: m.refused.WithLabelValues(source)}
	for _, c := range dataplane.Classes {
		metered.published[c] = m.published.WithLabelValues(source, c.String())
	}
	return metered
}

// Publish implements Publisher.
func (m *meter) Publish(messages []dataplane.Message) error {
	if err := m.publisher.Publish(messages); err != nil {
		m.refused.Add(float64(len(messages)))
		return err
	}
	var n [len(m.published)]int
	for i := range messages {
		n[messages[i].Class]++
	}
	for _, c := range dataplane.Classes {
		m.published[c].Add(float64(n[c]))
	}
	return nil
}
