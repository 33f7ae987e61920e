package cloudsvc

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"datastub/dataplane"
)

const (
	// The bounds of a rule's limits. What is older or more is looked for once a
	// second, and blocks go as a whole.
	minRetentionAge   = time.Second
	maxRetentionAge   = 100 * 365 * 24 * time.Hour
	minRetentionBytes = 1 << 20
	maxRetentionBytes = 1 << 50
)

// retentionText is a rule as a config has it, in YAML.
type retentionText struct {
	Topics   []string `json:"topics"`
	MaxAge   string   `json:"maxAge,omitempty"`
	MaxBytes string   `json:"maxBytes,omitempty"`
}

// parseRetention reads a list of rules. The error has every problem, each with
// the rule's index, the field and its value.
func parseRetention(text string) ([]RetentionRule, error) {
	var list yaml.Node
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return nil, errors.New("not YAML: want a list such as " + retentionExample)
	}
	if len(list.Content) == 0 {
		return nil, nil
	}
	if list.Content[0].Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("%s: want a list such as %s", describeNode(list.Content[0]), retentionExample)
	}
	var rules []RetentionRule
	var problems []error
	for i, node := range list.Content[0].Content {
		rule, errs := readRetention(node)
		for _, err := range errs {
			problems = append(problems, fmt.Errorf("rule %d: %w", i, err))
		}
		rules = append(rules, rule)
	}
	if err := joinLine(problems); err != nil {
		return nil, err
	}
	return rules, nil
}

// joinLine returns errors as one, in one line, as a setting's is; nil where there
// are none.
func joinLine(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// readRetention reads one rule.
func readRetention(node *yaml.Node) (r RetentionRule, errs []error) {
	if node.Kind != yaml.MappingNode {
		return r, []error{fmt.Errorf("%s: want a map such as %s", describeNode(node), ruleExample)}
	}
	errs = readFields(node, "topics, maxAge or maxBytes", map[string]func(*yaml.Node) error{
		"topics":   func(value *yaml.Node) (err error) { r.Topics, err = readTopics(value); return err },
		"maxAge":   func(value *yaml.Node) (err error) { r.MaxAge, err = parseAge(value); return err },
		"maxBytes": func(value *yaml.Node) (err error) { r.MaxBytes, err = parseBytes(value, minRetentionBytes); return err },
	})
	return r, errs
}

// readFields reads the values of a map, each key once. An error tells which keys
// there are.
func readFields(node *yaml.Node, keys string, read map[string]func(*yaml.Node) error) (errs []error) {
	seen := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, node.Content[i+1]
		var err error
		switch {
		case read[key] == nil:
			err = fmt.Errorf("unknown key: want %s", keys)
		case seen[key]:
			err = fmt.Errorf("%s is a second value: want one", describeNode(value))
		default:
			err = read[key](value)
		}
		seen[key] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("%.64s: %w", key, err))
		}
	}
	return errs
}

func readTopics(value *yaml.Node) (topics []dataplane.Filter, err error) {
	if value.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("%s: want a list such as [alarm/#]", describeNode(value))
	}
	for _, element := range value.Content {
		if element.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s in the list: want filters of topics such as alarm/#", describeNode(element))
		}
		f, err := dataplane.ParseFilter(element.Value)
		if err != nil {
			return nil, err
		}
		topics = append(topics, f)
	}
	return topics, nil
}

func parseAge(value *yaml.Node) (time.Duration, error) {
	age, err := dataplane.ParseDuration(value.Value)
	if err != nil || age < minRetentionAge || age > maxRetentionAge {
		return 0, fmt.Errorf("%s: want a time with its unit, from 1s to 36500d, such as 7d or 12h", describeNode(value))
	}
	return age, nil
}

// byteSize is a number of bytes.
var byteSize = regexp.MustCompile(`^([0-9]{1,16})(|Ki|Mi|Gi|Ti)$`)

func parseBytes(value *yaml.Node, least int64) (int64, error) {
	m := byteSize.FindStringSubmatch(value.Value)
	var n int64
	if m != nil {
		n, _ = strconv.ParseInt(m[1], 10, 64) // sixteen digits
		shift := map[string]uint{"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}[m[2]]
		if n > maxRetentionBytes>>shift {
			n = 0
		}
		n <<= shift
	}
	if n < least {
		return 0, fmt.Errorf("%s: want a size in bytes, from %dMi to 1024Ti, such as 10Gi", describeNode(value), least>>20)
	}
	return n, nil
}

const (
	ruleExample      = "{topics: [alarm/#], maxAge: 30d, maxBytes: 10Gi}"
	retentionExample = "[" + ruleExample + "]"
)

// formatRetention writes what parseRetention reads.
func formatRetention(rules []RetentionRule) string {
	if len(rules) == 0 {
		return ""
	}
	var list []retentionText
	for _, r := range rules {
		text := retentionText{Topics: []string{}}
		for _, f := range r.Topics {
			text.Topics = append(text.Topics, f.String())
		}
		if r.MaxAge > 0 {
			text.MaxAge = r.MaxAge.String()
		}
		if r.MaxBytes > 0 {
			text.MaxBytes = strconv.FormatInt(r.MaxBytes, 10)
		}
		list = append(list, text)
	}
	b, _ := json.Marshal(list) // which is YAML; texts always marshal
	return string(b)
}

// validateRetention tells of rules that make no sense, or never match.
func validateRetention(rules []RetentionRule) error {
	var errs []error
	most := maxRetentions - 1
	if n := len(rules); n > 0 && rules[n-1].forAll() {
		most++
	}
	if len(rules) > most {
		errs = append(errs, fmt.Errorf("retention: %d rules: want %d at most, and one for # at the end", len(rules), maxRetentions-1))
	}
	for i := range rules {
		for _, err := range rules[i].problems(rules[:i]) {
			errs = append(errs, fmt.Errorf("retention: rule %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// problems tells what is wrong with a rule behind others.
func (r *RetentionRule) problems(before []RetentionRule) (errs []error) {
	if len(r.Topics) == 0 {
		errs = append(errs, errors.New("topics: none: want filters of topics such as alarm/#"))
	}
	if r.MaxAge == 0 && r.MaxBytes == 0 {
		errs = append(errs, errors.New("neither maxAge nor maxBytes: want one of them, such as maxAge: 30d"))
	}
	for _, topic := range r.Topics {
		if topic.String() == "#" && !r.forAll() {
			errs = append(errs, errors.New(`topics: "#" is all topics: want it alone, in the last rule`))
		}
		for i := range before {
			if by := before[i].covering(topic); by != "" {
				errs = append(errs, fmt.Errorf("topics: %q never comes to this rule: rule %d has %q, and the first one counts", topic, i, by))
				break
			}
		}
	}
	return errs
}

// covering returns a filter of the rule that takes all that another one does, or
// "".
func (r *RetentionRule) covering(topic dataplane.Filter) string {
	if r.forAll() {
		return r.Topics[0].String()
	}
	for _, f := range r.Topics {
		if f.Covers(topic) {
			return f.String()
		}
	}
	return ""
}
