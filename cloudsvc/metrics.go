package cloudsvc

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// Buckets of the histograms, in seconds.
var (
	// From a disk that syncs in no time to a cluster that is choosing a leader.
	storeBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	// From an edge next door to one that comes back after a day.
	latencyBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400}
)

// Metrics counts what happens to messages on their way. Labels are bounded:
// a class, a route, a status or a reason, never a topic, a device or an id.
// The names of both programs' metrics begin with the program, as a name means
// one thing wherever it is found: what a mapper and cloudsvc each count of an
// uplink is not the same.
type Metrics struct {
	classes        [len(dataplane.Classes) + 1]classMetrics // by Class
	refusals       *prometheus.CounterVec                   // by code
	storeErrors    prometheus.Counter
	corruptBlocks  prometheus.Counter
	oversized      prometheus.Counter
	publishRefused prometheus.Counter
	forgottenKeys  prometheus.Counter
	producerDrops  *prometheus.CounterVec // by reason
	streams        prometheus.Gauge
	delivered      prometheus.Counter
	behind         prometheus.Gauge
	fellBehind     prometheus.Counter
	cutOff         prometheus.Counter
	historyBlocks  prometheus.Counter
	historySkipped prometheus.Counter
	historyErrors  prometheus.Counter
	logGaps        prometheus.Counter
	forgottenGaps  prometheus.Counter
	deadLetters    *prometheus.CounterVec // by reason
	warned         prometheus.Gauge
	letterDrops    *prometheus.CounterVec   // by reason
	requests       *prometheus.CounterVec   // by route and code
	requestTime    *prometheus.HistogramVec // seconds, by route
}

// classMetrics are those of one class.
type classMetrics struct {
	receivedMessages, receivedBytes           prometheus.Counter
	gaps, gapMessages                         prometheus.Counter
	pendingBytes                              prometheus.Gauge
	storedMessages, storedBlocks, storedBytes prometheus.Counter
	storeTime                                 prometheus.Observer // seconds
	latency                                   prometheus.Observer // seconds
}

// A metricMaker makes metrics of cloudsvc and registers them.
type metricMaker struct{ factory promauto.Factory }

func (f metricMaker) counter(name, help string) prometheus.Counter {
	return f.factory.NewCounter(prometheus.CounterOpts{Namespace: "datastub", Subsystem: "cloudsvc", Name: name, Help: help})
}

func (f metricMaker) gauge(name, help string) prometheus.Gauge {
	return f.factory.NewGauge(prometheus.GaugeOpts{Namespace: "datastub", Subsystem: "cloudsvc", Name: name, Help: help})
}

func (f metricMaker) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return f.factory.NewCounterVec(prometheus.CounterOpts{Namespace: "datastub", Subsystem: "cloudsvc", Name: name, Help: help}, labels)
}

func (f metricMaker) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return f.factory.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "datastub", Subsystem: "cloudsvc", Name: name, Help: help, Buckets: buckets,
	}, labels)
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := metricMaker{promauto.With(r)}
	m := &Metrics{
		refusals:       f.counters("uplink_refusals_total", "Sessions of publishers refused or ended, by code.", "code"),
		storeErrors:    f.counter("store_errors_total", "Tries to store a block that failed and were made again."),
		corruptBlocks:  f.counter("corrupt_blocks_total", "Blocks of the log that could not be read."),
		oversized:      f.counter("oversized_frames_total", "Frames from the uplink that no block can hold, passed over."),
		publishRefused: f.counter("refused_publishes_total", "Requests to publish refused because too much was waiting for the log."),
		forgottenKeys:  f.counter("forgotten_idempotency_keys_total", "Keys of requests to publish that were forgotten before their time, as newer ones needed their room."),
		producerDrops:  f.counters("dropped_producer_messages_total", "Messages of producers that were not taken in, by reason.", "reason"),
		streams:        f.gauge("subscriptions", "Streams to subscribers that are open."),
		behind:         f.gauge("behind_subscriptions", "Streams, and what durable subscriptions read of each class, that read the log, as they are not live yet, or any more."),
		fellBehind:     f.counter("fell_behind_subscriptions_total", "Times that a subscriber was too slow for the live stream, and went on from the log."),

		delivered:      f.counter("delivered_messages_total", "Messages queued for a subscriber, or made for one that is behind."),
		cutOff:         f.counter("cut_off_subscriptions_total", "Subscriptions ended because their subscriber read nothing."),
		historyBlocks:  f.counter("read_blocks_total", "Blocks read from the log for subscriptions that are behind."),
		historySkipped: f.counter("skipped_blocks_total", "Blocks passed over for a subscription that is behind, as their header lists nothing that it wants."),
		historyErrors:  f.counter("read_errors_total", "Tries to read the log for subscriptions that failed and are made again."),
		logGaps:        f.counter("log_gaps_total", "Gaps of the log itself that a subscription was told: blocks that its limits took, or that cannot be read."),

		deadLetters: f.counters("dead_letters_total", "Messages and batches that receivers of subscriptions did not take, by reason; each time that one is given up.", "reason"),
		warned:      f.gauge("warned_subscriptions", "Durable subscriptions that have not had what the log is about to let go of."),
		letterDrops: f.counters("dropped_dead_letters_total", "Dead letters that nobody dropped: for want of room, or as they were too old.", "reason"),

		forgottenGaps: f.counter("forgotten_gaps_total", "Gaps that are not listed any more, as newer ones needed their room in memory."),
		requests:      f.counters("http_requests_total", "HTTP requests answered; a stream counts when it has ended.", "route", "code"),
		requestTime: f.histograms("http_request_duration_seconds", "Time to answer an HTTP request; of a stream, how long it lived.",
			prometheus.DefBuckets, "route"),
	}
	m.fillClasses(f)
	for _, reason := range deadReasons {
		m.deadLetters.WithLabelValues(string(reason))
	}
	for _, reason := range letterDropReasons {
		m.letterDrops.WithLabelValues(string(reason))
	}
	for _, reason := range dropReasons {
		m.producerDrops.WithLabelValues(string(reason))
	}
	for code := dataplane.RefuseMalformed; code <= dataplane.RefuseFull; code++ {
		m.refusals.WithLabelValues(code.String()) // there from the start, so that rates are right
	}
	return m
}

// fillClasses makes those of each class.
func (m *Metrics) fillClasses(f metricMaker) {
	receivedMessages := f.counters("received_messages_total", "New messages taken in, from the uplink and from elsewhere.", "class")
	receivedBytes := f.counters("received_bytes_total", "Bytes of the frames that brought new messages.", "class")
	gaps := f.counters("gaps_total", "Gaps that publishers sent in the place of messages they lost.", "class")
	gapMessages := f.counters("gap_messages_total", "Messages that publishers lost, by their gaps.", "class")
	storedMessages := f.counters("stored_messages_total", "Messages that the log has answered for.", "class")
	storedBlocks := f.counters("stored_blocks_total", "Blocks that the log has answered for.", "class")
	storedBytes := f.counters("stored_bytes_total", "Bytes of the blocks that the log has answered for.", "class")
	storeTime := f.histograms("store_duration_seconds", "Time until the log answered for a block.", storeBuckets, "class")
	latency := f.histograms("delivery_latency_seconds",
		"From a message's time at the edge until it was queued for its subscribers, by the clocks of both.", latencyBuckets, "class")
	pendingBytes := f.factory.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "datastub", Subsystem: "cloudsvc", Name: "pending_bytes", Help: "Bytes of the frames that are taken in and not stored.",
	}, []string{"class"})
	for _, c := range dataplane.Classes {
		name := c.String()
		m.classes[c] = classMetrics{
			receivedMessages: receivedMessages.WithLabelValues(name), receivedBytes: receivedBytes.WithLabelValues(name),
			gaps: gaps.WithLabelValues(name), gapMessages: gapMessages.WithLabelValues(name),
			pendingBytes:   pendingBytes.WithLabelValues(name),
			storedMessages: storedMessages.WithLabelValues(name), storedBlocks: storedBlocks.WithLabelValues(name),
			storedBytes: storedBytes.WithLabelValues(name), storeTime: storeTime.WithLabelValues(name),
			latency: latency.WithLabelValues(name),
		}
	}
}

func (m *Metrics) received(class dataplane.Class, messages, bytes int) {
	m.classes[class].receivedMessages.Add(float64(messages))
	m.classes[class].receivedBytes.Add(float64(bytes))
}

func (m *Metrics) gap(class dataplane.Class, messages uint64) {
	m.classes[class].gaps.Inc()
	m.classes[class].gapMessages.Add(float64(messages))
}

// replied counts the refusals among replies.
func (m *Metrics) replied(replies []uplink.Reply) {
	for i := range replies {
		if refuse, ok := replies[i].Frame.(*dataplane.Refuse); ok {
			m.refusals.WithLabelValues(refuse.Code.String()).Inc()
		}
	}
}

// pending counts bytes that wait for the log, or wait no more.
func (m *Metrics) pending(class dataplane.Class, bytes int) {
	m.classes[class].pendingBytes.Add(float64(bytes))
}

func (m *Metrics) blockStored(class dataplane.Class, bytes, messages int, took time.Duration) {
	c := &m.classes[class]
	c.storedBlocks.Inc()
	c.storedBytes.Add(float64(bytes))
	c.storedMessages.Add(float64(messages))
	c.storeTime.Observe(took.Seconds())
}

// queued observes how old a message is as it is queued. A clock at the edge
// that is ahead makes it no younger than now.
func (m *Metrics) queued(class dataplane.Class, age time.Duration) {
	m.classes[class].latency.Observe(max(age, 0).Seconds())
}

// countRequests returns the handler of a route, counting.
func (m *Metrics) countRequests(route string, handler http.Handler) http.Handler {
	of := prometheus.Labels{"route": route}
	return promhttp.InstrumentHandlerDuration(m.requestTime.MustCurryWith(of),
		promhttp.InstrumentHandlerCounter(m.requests.MustCurryWith(of), handler))
}
