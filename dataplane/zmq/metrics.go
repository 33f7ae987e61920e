package zmq

import (
	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
)

// A laneMetric is one metric of each lane: it is the same name in every mapper.
func laneMetric(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("datastub_mapper_"+name, help, []string{"class"}, nil)
}

// The publisher's metrics. They are computed at the time of the scrape, so
// that messages on their way cost nothing more.
var (
	spoolRecords         = laneMetric("spool_records", "Records held in the spool until they are durable in the cloud.")
	spoolBytes           = laneMetric("spool_bytes", "Bytes that the records held in the spool take: in files, or in memory where there is no folder.")
	spoolAccepted        = laneMetric("spool_accepted_records_total", "Records taken into the spool.")
	spoolAcceptedBytes   = laneMetric("spool_accepted_bytes_total", "Memory that the records taken into the spool took.")
	spoolDropped         = laneMetric("spool_dropped_records_total", "Records dropped because the spool was full, they were too old, or the disk failed and memory was full.")
	spoolDroppedBytes    = laneMetric("spool_dropped_bytes_total", "Bytes that the records took, where they were kept, that were dropped.")
	spoolDamaged         = laneMetric("spool_damaged_records_total", "Records that could not be read back from disk.")
	uplinkConnected      = laneMetric("uplink_connected", "Whether cloudsvc has granted a session: 1 or 0. BT dials when its first record is there.")
	uplinkDials          = laneMetric("uplink_dials_total", "Tries to connect to cloudsvc.")
	uplinkSessions       = laneMetric("uplink_sessions_total", "Sessions that cloudsvc granted; all but the first are reconnects.")
	uplinkRefused        = laneMetric("uplink_refused_sessions_total", "Sessions that cloudsvc refused or ended, with a reason that is in the log.")
	uplinkFrames         = laneMetric("uplink_sent_frames_total", "Frames of records and gaps sent.")
	uplinkBytes          = laneMetric("uplink_sent_bytes_total", "Bytes of the frames of records and gaps sent, compressed.")
	uplinkResent         = laneMetric("uplink_resent_frames_total", "Frames sent with records that were sent before.")
	uplinkRecords        = laneMetric("uplink_sent_records_total", "Records sent, each once however often it was.")
	uplinkAcks           = laneMetric("uplink_acks_total", "Acknowledgements from cloudsvc.")
	uplinkNacks          = laneMetric("uplink_nacks_total", "Times that cloudsvc asked for records again.")
	uplinkCredit         = laneMetric("uplink_credit_bytes", "Bytes that may be on the way unacknowledged; 0 without a session.")
	uplinkUnacknowledged = laneMetric("uplink_unacknowledged_bytes", "Bytes sent and not acknowledged.")
	uplinkLevel          = laneMetric("uplink_compression_level", "How hard the last frame was packed: 1, or 2 where the link is what data waits for.")

	spoolMaxBytes = prometheus.NewDesc("datastub_mapper_spool_max_bytes", "Bytes that the spool may take, of both classes together: in files, or in memory where there is no folder.", nil, nil)
	spoolOnDisk   = prometheus.NewDesc("datastub_mapper_spool_on_disk", "Whether accepted records are on disk: 1, or 0 where there is no folder or its disk fails.", nil, nil)
	spoolFaults   = prometheus.NewDesc("datastub_mapper_spool_faults_total", "Times that the spool went on in memory because its disk failed, was full, or did not answer in time.", nil, nil)
	clockOffset   = prometheus.NewDesc("datastub_mapper_clock_offset_seconds", "What is to be added to the mapper's clock to have cloudsvc's: above 0 the mapper is behind. It is there once they were compared.", nil, nil)
	clockTrip     = prometheus.NewDesc("datastub_mapper_clock_round_trip_seconds", "Round trip to cloudsvc with which the clocks were compared: the offset is wrong by half of it at most.", nil, nil)
	uplinkRate    = prometheus.NewDesc("datastub_mapper_uplink_rate_bytes", "Bytes a second that the link to cloudsvc carries, as far as it was tried; 0 where that is not known.", nil, nil)
	lanPublished  = prometheus.NewDesc("datastub_mapper_lan_published_messages_total", "Messages given to the applications on the LAN.", nil, nil)
	lanDropped    = prometheus.NewDesc("datastub_mapper_lan_dropped_messages_total", "Messages that the applications on the LAN could not get, because they came too fast.", nil, nil)
)

var _ prometheus.Collector = (*Publisher)(nil)

// Describe implements prometheus.Collector.
func (p *Publisher) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, descs) }

// Collect implements prometheus.Collector.
func (p *Publisher) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(spoolMaxBytes, prometheus.GaugeValue, float64(p.spool.MaxBytes()))
	fault := p.spool.Fault()
	onDisk := 0.0
	if p.spool.OnDisk() && fault.Why == nil {
		onDisk = 1
	}
	metrics <- prometheus.MustNewConstMetric(spoolOnDisk, prometheus.GaugeValue, onDisk)
	metrics <- prometheus.MustNewConstMetric(spoolFaults, prometheus.CounterValue, float64(fault.Times))
	if offset, roundTrip, known := p.clock.Offset(); known {
		metrics <- prometheus.MustNewConstMetric(clockOffset, prometheus.GaugeValue, offset.Seconds())
		metrics <- prometheus.MustNewConstMetric(clockTrip, prometheus.GaugeValue, roundTrip.Seconds())
	}
	metrics <- prometheus.MustNewConstMetric(uplinkRate, prometheus.GaugeValue, float64(p.pacer.Rate()))
	for _, c := range dataplane.Classes {
		p.collectLane(c, metrics)
	}
	if p.lan != nil {
		metrics <- prometheus.MustNewConstMetric(lanPublished, prometheus.CounterValue, float64(p.lan.published.Load()))
		metrics <- prometheus.MustNewConstMetric(lanDropped, prometheus.CounterValue, float64(p.lan.dropped.Load()))
	}
}

func (p *Publisher) collectLane(c dataplane.Class, metrics chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, desc *prometheus.Desc, n uint64) {
		metrics <- prometheus.MustNewConstMetric(desc, kind, float64(n), c.String())
	}
	counter := func(desc *prometheus.Desc, n uint64) { send(prometheus.CounterValue, desc, n) }
	gauge := func(desc *prometheus.Desc, n uint64) { send(prometheus.GaugeValue, desc, n) }

	held := p.spool.Stats(c)
	gauge(spoolRecords, held.Held.Records)
	gauge(spoolBytes, held.Held.Bytes)
	counter(spoolAccepted, held.Accepted.Records)
	counter(spoolAcceptedBytes, held.Accepted.Bytes)
	counter(spoolDropped, held.Dropped.Records)
	counter(spoolDroppedBytes, held.Dropped.Bytes)
	counter(spoolDamaged, held.Damaged)

	lane := p.lanes[c]
	connected := uint64(0)
	if lane.connected.Load() {
		connected = 1
	}
	gauge(uplinkConnected, connected)
	counter(uplinkDials, lane.dials.Load())
	sent := lane.options.Counts.Stats()
	counter(uplinkSessions, sent.Sessions)
	counter(uplinkRefused, sent.Refused)
	counter(uplinkFrames, sent.Frames)
	counter(uplinkBytes, sent.Bytes)
	counter(uplinkResent, sent.Resent)
	counter(uplinkRecords, sent.Records)
	counter(uplinkAcks, sent.Acks)
	counter(uplinkNacks, sent.Nacks)
	gauge(uplinkCredit, sent.Credit)
	gauge(uplinkUnacknowledged, sent.Unacked)
	level := uint64(1)
	if sent.Squeezed {
		level = 2
	}
	gauge(uplinkLevel, level)
}
