package mapper

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
	"datastub/driver"
)

// Rules say how the readings of a property are published. They are set in
// three places, the later one winning key by key: config.yaml under
// dataplane.defaults, spec.protocol.configData and
// properties[].visitors.configData of a Device. In CRs the keys are matched
// without regard to case.
type Rules struct {
	// Topic is the topic, or a template of it with {property}, {device} and
	// {model}; what a topic's level forbids is percent-encoded when they are
	// filled in.
	Topic    string          `yaml:"topic"`
	Class    dataplane.Class `yaml:"qosClass"` // in a CR, qos is taken too
	Publish  bool            `yaml:"publish"`
	OnChange bool            `yaml:"onChange"` // only when it differs from the last published
	Deadband Deadband        `yaml:"deadband"` // only when a number moved by more than this
	// MaxAge publishes anyway when the last published is this old: it bounds
	// OnChange and Deadband. 0 is never.
	MaxAge time.Duration `yaml:"maxAge"` // in a CR too, a time with its unit
}

// DefaultRules is what holds where nothing is said.
func DefaultRules() Rules {
	return Rules{
		Topic:   "{model}/{property}",
		Class:   dataplane.BT,
		Publish: true,
		MaxAge:  time.Minute,
	}
}

// The longest maxAge, and what a maxAge is: longer is as good as never.
const (
	maxMaxAge   = 365 * 24 * time.Hour
	maxAgeRange = "a time from 0s to 8760h0m0s"
)

// ruleKeys are the keys of Rules in a CR, in lower case.
var ruleKeys = map[string]bool{
	"topic": true, "qosclass": true, "qos": true, "publish": true,
	"onchange": true, "deadband": true, "maxage": true,
}

// cut splits settings into those of Rules and the driver's.
func cut(settings driver.Settings) (rules, rest driver.Settings) {
	rules, rest = driver.Settings{}, driver.Settings{}
	for key, value := range settings {
		if ruleKeys[strings.ToLower(key)] {
			rules[key] = value
		} else {
			rest[key] = value
		}
	}
	return rules, rest
}

// overlay returns the rules with what the settings say put over them, and what
// is wrong with the settings: *driver.SettingError values, joined.
func (r Rules) overlay(settings driver.Settings) (Rules, error) {
	s := settings.Reader()
	if topic := s.String("topic", r.Topic); topic != "" || !s.Has("topic") {
		r.Topic = topic
	} else {
		s.Refuse("topic", topic, "a topic, such as sensor/{property}")
	}
	if s.Has("qosClass") && s.Has("qos") {
		s.Refuse("qos", s.String("qos", ""), "given once only: qosClass is given too")
	} else {
		key := "qosClass"
		if s.Has("qos") {
			key = "qos"
		}
		text := s.Enum(key, r.Class.String(), dataplane.RT.String(), dataplane.BT.String())
		if class, err := dataplane.ParseClass(text); err == nil {
			r.Class = class
		}
	}
	r.Publish = s.Bool("publish", r.Publish)
	r.OnChange = s.Bool("onChange", r.OnChange)
	if text := s.String("deadband", ""); s.Has("deadband") {
		band, err := ParseDeadband(text)
		if err != nil {
			s.Refuse("deadband", text, "a number that is not negative, or a percentage such as 2%")
		} else {
			r.Deadband = band
		}
	}
	r.MaxAge = readMaxAge(s, r.MaxAge)
	return r, s.Err()
}

// timeWithUnit is what a time of the data plane is. A bare number is none,
// but for 0: in config.yaml it would pass for seconds, beside KubeEdge's keys
// for milliseconds.
const timeWithUnit = "a time with its unit, such as 500ms or 60s"

// readMaxAge returns maxAge, or def where it is not given or refused.
func readMaxAge(s *driver.Reader, def time.Duration) time.Duration {
	if !s.Has("maxAge") {
		return def
	}
	text := s.String("maxAge", "")
	age, err := time.ParseDuration(text)
	switch {
	case err != nil:
		s.Refuse("maxAge", text, timeWithUnit)
		return def
	case age < 0 || age > maxMaxAge:
		s.Refuse("maxAge", text, maxAgeRange)
		return def
	}
	return age
}

// validate checks rules that stand in config.yaml: the template is filled in
// with names that are always right.
func (r Rules) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if _, err := expandTopic(r.Topic, "p", "d", "m"); err != nil {
		errs = append(errs, field.Invalid(path.Child("topic"), r.Topic, err.Error()))
	}
	if r.MaxAge < 0 || r.MaxAge > maxMaxAge {
		errs = append(errs, field.Invalid(path.Child("maxAge"), r.MaxAge, "want "+maxAgeRange))
	}
	return errs
}

// hasFold tells whether settings have the key, in any case.
func hasFold(settings driver.Settings, key string) bool {
	for k := range settings {
		if strings.EqualFold(k, key) {
			return true
		}
	}
	return false
}
