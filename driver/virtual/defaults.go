package virtual

import (
	"maps"
	"slices"

	"datastub/driver"
)

// defaults are what a device says of the signals of its points, by key.
type defaults driver.Settings

// maxRange is how far min and max can be apart.
const maxRange = 2 * maxWhole

// readDefaults reads a device's defaults. What depends on the rest of a point,
// such as a step that is too long, is refused at the point.
func readDefaults(r *driver.Reader) defaults {
	values := map[string]any{
		"signal": r.Enum("signal", "", signals[driver.Double]...),
		"min":    readBound(r, "min", 0),
		"max":    readBound(r, "max", 0),
		"step":   readStep(r, 1, maxRange),
		"noise":  readNoise(r, maxRange),
		"period": readPeriod(r, minPeriod).String(),
	}
	maps.DeleteFunc(values, func(key string, _ any) bool { return !r.Has(key) })
	return values
}

// under returns a point's settings, with the defaults for those that it lacks.
// A signal that makes no sense of its type is not for it.
func (d defaults) under(settings driver.Settings, typ driver.Type) driver.Settings {
	if len(d) == 0 {
		return settings
	}
	own := settings.Reader()
	all := driver.Settings{}
	maps.Copy(all, settings)
	for key, value := range d {
		strange := key == "signal" && !slices.ContainsFunc(signals[typ], func(s string) bool { return s == value })
		if !own.Has(key) && !strange {
			all[key] = value
		}
	}
	return all
}
