package mapper

import (
	"fmt"
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
	MaxAge time.Duration `yaml:"maxAge"`
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

// maxMaxAge is the longest maxAge: longer is as good as never.
const maxMaxAge = 365 * 24 * time.Hour

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
	r.Topic = s.String("topic", r.Topic)
	if s.Has("topic") && r.Topic == "" {
		s.Refuse("topic", `""`, "a topic, such as sensor/{property}")
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
	r.MaxAge = s.Duration("maxAge", r.MaxAge, 0, maxMaxAge)
	return r, s.Err()
}

// validate checks rules that stand in config.yaml: the template is filled in
// with names that are always right.
func (r Rules) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if _, err := expandTopic(r.Topic, "p", "d", "m"); err != nil {
		errs = append(errs, field.Invalid(path.Child("topic"), r.Topic, err.Error()))
	}
	if r.MaxAge < 0 || r.MaxAge > maxMaxAge {
		errs = append(errs, field.Invalid(path.Child("maxAge"), r.MaxAge, fmt.Sprintf("want a time from 0s to %v", maxMaxAge)))
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
