package cloudsvc

import (
	"time"

	"datastub/dataplane"
)

// A RetentionRule says how long what is published to some topics is kept.
// The first rule that matches a topic is the one for it. One for all topics, "#"
// alone, is the last, and is for what no other matches, $events included.
type RetentionRule struct {
	Topics   []dataplane.Filter
	MaxAge   time.Duration // 0: as what no rule matches
	MaxBytes int64         // of each class; 0: as what no rule matches
}

// forAll tells whether the rule is for what no other matches.
func (r *RetentionRule) forAll() bool { return len(r.Topics) == 1 && r.Topics[0].String() == "#" }

// maxRetentions is how many retention classes there are at most, that of what no
// rule matches among them.
const maxRetentions = 8
