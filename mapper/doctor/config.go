package doctor

import (
	"fmt"

	"datastub/mapper"
)

// maxFindings is how many findings of one kind are told.
const maxFindings = 10

// config looks at the config, and at the files of devices where they come from
// a folder.
func (d *Doctor) config() (found []Finding) {
	const subject = "config"
	summary, problems, warnings := mapper.Check(d.options.Config, d.options.Drivers)
	for i, p := range problems {
		if i == maxFindings {
			found = append(found, Finding{Fail, subject, fmt.Sprintf("and %d more", len(problems)-i), "mapper --check lists them all"})
			break
		}
		found = append(found, Finding{Fail, subject, p.Error(), "mend it there"})
	}
	if n := len(warnings); n > 0 {
		found = append(found, Finding{Warn, subject, fmt.Sprintf("%d settings mean nothing, such as %v", n, warnings[0]), "mapper --check lists them; take them out or spell them right"})
	}
	if len(problems) > 0 {
		return found
	}
	text := d.options.Config + " is right"
	if !summary.FromEdgeCore {
		text += fmt.Sprintf(", devices: %d, properties: %d", summary.Devices, summary.Properties)
	}
	return append(found, Finding{Verdict: OK, Subject: subject, Text: text})
}
