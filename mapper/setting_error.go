package mapper

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/driver"
)

// fieldErrors gives the *driver.SettingError values in err their path.
func fieldErrors(path *field.Path, err error) field.ErrorList {
	var errs field.ErrorList
	settings, others := driver.SettingErrors(err)
	for _, s := range settings {
		if s.Value == nil {
			errs = append(errs, field.Required(path.Child(s.Key), "want "+s.Want))
			continue
		}
		errs = append(errs, field.Invalid(path.Child(s.Key), brief(s.Value), "want "+s.Want))
	}
	for _, other := range others {
		errs = append(errs, field.Invalid(path, label("configData"), other.Error()))
	}
	return errs
}
