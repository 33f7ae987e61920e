package build

import (
	"regexp"
	"testing"
)

// TestPublish: a build module takes nothing from folders.
func TestPublish(t *testing.T) {
	t.Parallel()
	s := source{path: "example.org/whole", version: "v1.2.3", staged: regexp.MustCompile(`=> \./staging/(example\.org/[a-z]+)`), stagedVersion: "v0.2.3"}
	for name, test := range map[string]struct{ mod, want string }{
		"staged parts are published": {
			"module example.org/whole\n\ngo 1.26\n\nreplace example.org/part => ./staging/example.org/part\n",
			"module build\n\ngo 1.26\n\nreplace example.org/part => example.org/part v0.2.3\n",
		},
		"others are as they were": {
			"module example.org/whole\n\nreplace example.org/fork => example.com/fork v1.0.0\n",
			"module build\n\nreplace example.org/fork => example.com/fork v1.0.0\n",
		},
		"another folder is refused": {"module example.org/whole\n\nreplace example.org/part => ./elsewhere/part\n", ""},
	} {
		got, err := s.publish([]byte(test.mod))
		if string(got) != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.want)
		}
	}
}
