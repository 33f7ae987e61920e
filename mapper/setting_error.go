package mapper

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/driver"
)

// fieldErrors gives the *driver.SettingError values in err their path: of one
// that is wrong, Merge, Vet and the device as it runs tell the same.
func fieldErrors(path *field.Path, err error) []error {
	var errs []error
	settings, others := driver.SettingErrors(err)
	for _, s := range settings {
		want := "want " + cutTo(maxReason, s.Want)
		if s.Value == nil {
			errs = append(errs, field.Required(childOf(path, s.Key), want))
			continue
		}
		errs = append(errs, field.Invalid(childOf(path, s.Key), brief(s.Value), want))
	}
	for _, other := range others {
		errs = append(errs, fmt.Errorf("%s: %s", path, cutTo(maxReason, oneLine(other))))
	}
	return errs
}
