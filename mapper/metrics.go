package mapper

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/driver"
)

// stateUnknown is the state of a device that has not been read yet, in
// KubeEdge's word.
const stateUnknown State = "unknown"

// register adds all metrics of an app but those of its uplink, and returns the
// one that counts the socket's requests by status.
func (a *App) register(options AppOptions) (requests *prometheus.CounterVec, err error) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "datastub_mapper_info", Help: "Who the mapper is. The value is 1.",
		ConstLabels: prometheus.Labels{"node": options.Config.Node, "mapper": options.Config.Common.Name},
	})
	info.Set(1)
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "datastub_mapper_socket_requests_total", Help: "Requests at the Unix socket, by HTTP status.",
	}, []string{"code"})
	var errs []error
	for _, c := range [...]prometheus.Collector{
		info, requests, options.Intake, a.fleet.counters.reads, a.fleet.counters.lateness, a.fleet.counters.writes, newFleetCollector(a.fleet, a.Status), a.events,
		newStatusCollector(a.Status, options.Config.Devices.Source == FromEdgeCore, time.Now),
	} {
		errs = append(errs, options.Metrics.Register(c))
	}
	return requests, errors.Join(errs...)
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

// newLateness returns the histogram of how late cycles are.
func newLateness() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "datastub_mapper_cycle_lateness_seconds",
		Help: "How long after a cycle was due the device had answered: what the mapper, its bus and the device took. " +
			"Of what skipped cycles made wait, the first moment counts.",
		// From a register of a PLC next door to a bus that many devices wait for.
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	})
}

// newWrites returns the counter of writes.
func newWrites() *prometheus.CounterVec {
	writes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "datastub_mapper_writes_total",
		Help: "Writes that drivers were asked for, by result: written, unanswered (the device may hold the value or not) or refused.",
	}, []string{"result"})
	for _, result := range [...]string{"written", "unanswered", "refused"} {
		writes.WithLabelValues(result)
	}
	return writes
}

// write counts one write.
func (c *counters) write(err error) {
	result := "written"
	switch {
	case unanswered(err):
		result = "unanswered"
	case err != nil:
		result = "refused"
	}
	c.writes.WithLabelValues(result).Inc()
}

// A fleetCollector tells Prometheus of a fleet, at the time of the scrape.
type fleetCollector struct {
	fleet                               *Fleet
	status                              *Status
	devices, readings, skipped, dropped *prometheus.Desc
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
		dropped: prometheus.NewDesc("datastub_mapper_dropped_news_total",
			"Values that devices told by themselves, dropped because more of a device waited than may.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *fleetCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.devices
	descs <- c.readings
	descs <- c.skipped
	descs <- c.dropped
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
	counter(c.dropped, counts.Dropped)
}

// A statusCollector tells Prometheus how the mapper and EdgeCore get on, at the
// time of the scrape.
type statusCollector struct {
	status                           *Status
	fromEdgeCore                     bool // devices come from there: it gives each again and again
	now                              func() time.Time
	configAge, twinAge, registration *prometheus.Desc
}

func newStatusCollector(status *Status, fromEdgeCore bool, now func() time.Time) *statusCollector {
	return &statusCollector{
		status: status, fromEdgeCore: fromEdgeCore, now: now,
		configAge: prometheus.NewDesc("datastub_mapper_oldest_config_age_seconds",
			"How long ago EdgeCore gave a device's configuration: of the device where that is longest ago.", nil, nil),
		twinAge: prometheus.NewDesc("datastub_mapper_oldest_twin_age_seconds",
			"How long ago EdgeCore took a device's twins: of the device where that is longest ago, of those whose twins it ever took.", nil, nil),
		registration: prometheus.NewDesc("datastub_mapper_registered",
			"Whether EdgeCore has the mapper, by protocol.", []string{"protocol"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *statusCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.configAge
	descs <- c.twinAge
	descs <- c.registration
}

// Collect implements prometheus.Collector.
func (c *statusCollector) Collect(metrics chan<- prometheus.Metric) {
	now := c.now()
	age := func(desc *prometheus.Desc, of func(*DeviceStatus) time.Time) {
		if age, ok := c.status.oldest(now, of); ok {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, age.Seconds())
		}
	}
	if c.fromEdgeCore {
		age(c.configAge, func(d *DeviceStatus) time.Time { return d.ConfigSeen })
	}
	age(c.twinAge, func(d *DeviceStatus) time.Time { return d.TwinsReported })
	for _, e := range c.status.Edges() {
		registered := 0.0
		if !e.Since.IsZero() {
			registered = 1
		}
		metrics <- prometheus.MustNewConstMetric(c.registration, prometheus.GaugeValue, registered, e.Protocol)
	}
}
