package mapper

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/driver"
)

// fieldErrors gives the *driver.SettingError values in err their path.
func fieldErrors(path *field.Path, err error) field.ErrorList {
	var errs field.ErrorList
	settings, others := settingErrors(err)
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

// settingErrors returns the *driver.SettingError values that err is made of,
// and everything else in it.
func settingErrors(err error) (settings []*driver.SettingError, others []error) {
	if err == nil {
		return nil, nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			s, o := settingErrors(e)
			settings, others = append(settings, s...), append(others, o...)
		}
		return settings, others
	}
	var setting *driver.SettingError
	if errors.As(err, &setting) {
		return []*driver.SettingError{setting}, nil
	}
	return nil, []error{err}
}
