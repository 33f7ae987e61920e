package mapper

import (
	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
)

// An Intake counts all the values that come to a mapper, by where they come
// from. The zero Intake is ready to use.
type Intake struct {
	Devices Tally
	Socket  Tally // what programs on the node publish; a request that was not understood is none
	Events  Tally // what the mapper itself tells of devices
}

// Count returns what became of the values of a class: read, filtered, refused
// and accepted.
func (i *Intake) Count(c dataplane.Class) dataplane.EdgeCount {
	sum := i.Devices.Count(c)
	for _, tally := range [...]*Tally{&i.Socket, &i.Events} { // which filter nothing
		n := tally.Count(c)
		sum.Read += n.Read
		sum.Refused += n.Refused
		sum.Accepted += n.Accepted
	}
	return sum
}

var (
	publishedDesc = prometheus.NewDesc("datastub_mapper_published_messages_total",
		"Messages that the data plane accepted.", []string{"source", "class"}, nil)
	refusedDesc = prometheus.NewDesc("datastub_mapper_refused_messages_total",
		"Messages that the data plane refused, and values that no message can carry: they are lost.", []string{"source", "class"}, nil)
	filteredDesc = prometheus.NewDesc("datastub_mapper_filtered_values_total",
		"Values of devices that were not published, by the rule that says so: publish, onChange or deadband.", []string{"class", "rule"}, nil)
)

var _ prometheus.Collector = (*Intake)(nil)

// Describe implements prometheus.Collector.
func (i *Intake) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(i, descs) }

// Collect implements prometheus.Collector. What is read of devices is among
// the fleet's readings.
func (i *Intake) Collect(metrics chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, n uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	for source, tally := range map[string]*Tally{"devices": &i.Devices, "socket": &i.Socket, "events": &i.Events} {
		for _, c := range dataplane.Classes {
			n := tally.Count(c)
			send(publishedDesc, n.Accepted, source, c.String())
			send(refusedDesc, n.Refused, source, c.String())
		}
	}
	for _, c := range dataplane.Classes {
		filtered := i.Devices.Count(c).Filtered
		send(filteredDesc, filtered.Publish, c.String(), "publish")
		send(filteredDesc, filtered.OnChange, c.String(), "onChange")
		send(filteredDesc, filtered.Deadband, c.String(), "deadband")
	}
}
