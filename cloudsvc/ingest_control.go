package cloudsvc

import "datastub/dataplane"

// control takes what a publisher tells by a CONTROL, and returns the status to
// answer with. One that makes no sense costs the publisher nothing else: a
// later version may say more than this one reads.
func (i *Ingest) control(publisher string, f *dataplane.Control) (status string) {
	if f.Kind != dataplane.ControlReport {
		return dataplane.ControlUnsupported
	}
	report, err := dataplane.ParseReport(f.Body)
	if err != nil {
		i.options.Registry.misreported(publisher, err)
		return err.Error()
	}
	i.options.Registry.Reported(publisher, report)
	return ""
}
