package cloudsvc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"datastub/dataplane"
)

// Metrics counts what happens to messages on their way. Labels are bounded:
// a class or a reason, never a topic, a device or an id.
type Metrics struct {
	receivedMessages *prometheus.CounterVec // by class
	receivedBytes    *prometheus.CounterVec // by class
	gaps             *prometheus.CounterVec // by class
	gapMessages      *prometheus.CounterVec // by class
	storedMessages   *prometheus.CounterVec // by class
	storedBlocks     *prometheus.CounterVec // by class
	storedBytes      *prometheus.CounterVec // by class
	storeErrors      prometheus.Counter
	corruptBlocks    prometheus.Counter
	oversized        prometheus.Counter
	publishRefused   prometheus.Counter
	subscriptions    prometheus.Gauge
	delivered        prometheus.Counter
	cutOff           prometheus.Counter
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	byClass := []string{"class"}
	return &Metrics{
		receivedMessages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_received_messages_total", Help: "New messages taken in, from the uplink and over HTTP.",
		}, byClass),
		receivedBytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_received_bytes_total", Help: "Bytes of the frames that brought new messages.",
		}, byClass),
		gaps: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_gaps_total", Help: "Gaps that publishers sent in the place of messages they lost.",
		}, byClass),
		gapMessages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_gap_messages_total", Help: "Messages that publishers lost, by their gaps.",
		}, byClass),
		storedMessages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_stored_messages_total", Help: "Messages that the log has answered for.",
		}, byClass),
		storedBlocks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_stored_blocks_total", Help: "Blocks that the log has answered for.",
		}, byClass),
		storedBytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_stored_bytes_total", Help: "Bytes of the blocks that the log has answered for.",
		}, byClass),
		storeErrors: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_store_errors_total", Help: "Tries to store a block that failed and were made again.",
		}),
		corruptBlocks: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_corrupt_blocks_total", Help: "Blocks of the log that could not be read.",
		}),
		oversized: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_oversized_frames_total", Help: "Frames from the uplink that no block can hold, passed over.",
		}),
		publishRefused: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_publish_refused_total", Help: "Requests to publish refused because too much was waiting for the log.",
		}),
		subscriptions: f.NewGauge(prometheus.GaugeOpts{
			Name: "datastub_subscriptions", Help: "Live subscriptions.",
		}),
		delivered: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_delivered_messages_total", Help: "Messages queued for a subscriber.",
		}),
		cutOff: f.NewCounter(prometheus.CounterOpts{
			Name: "datastub_subscriptions_cut_off_total", Help: "Subscriptions ended because their subscriber was too slow.",
		}),
	}
}

func (m *Metrics) received(class dataplane.Class, messages, bytes int) {
	m.receivedMessages.WithLabelValues(class.String()).Add(float64(messages))
	m.receivedBytes.WithLabelValues(class.String()).Add(float64(bytes))
}

func (m *Metrics) gap(class dataplane.Class, messages uint64) {
	m.gaps.WithLabelValues(class.String()).Inc()
	m.gapMessages.WithLabelValues(class.String()).Add(float64(messages))
}

func (m *Metrics) blockStored(class dataplane.Class, bytes, messages int) {
	m.storedBlocks.WithLabelValues(class.String()).Inc()
	m.storedBytes.WithLabelValues(class.String()).Add(float64(bytes))
	m.storedMessages.WithLabelValues(class.String()).Add(float64(messages))
}
