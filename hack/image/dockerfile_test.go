package image

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// repository is the folder of the Dockerfile.
const repository = "../.."

// An instruction is one of a Dockerfile, with its lines joined.
type instruction struct{ name, text string }

// A stage is what a FROM begins.
type stage struct {
	base  string
	steps []instruction
}

// all returns the texts of a stage's instructions of a name, in order.
func (s stage) all(name string) (texts []string) {
	for _, step := range s.steps {
		if step.name == name {
			texts = append(texts, step.text)
		}
	}
	return texts
}

// last returns the text of the one that counts of a stage's instructions of a name.
func (s stage) last(name string) string {
	if texts := s.all(name); len(texts) > 0 {
		return texts[len(texts)-1]
	}
	return ""
}

// list returns what an instruction in the exec form holds.
func (s stage) list(t *testing.T, name string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.last(name)), &words); err != nil {
		t.Fatalf("%s %s is not in the exec form: %v", name, s.last(name), err)
	}
	return words
}

// readDockerfile returns the stages of the repository's Dockerfile by name.
func readDockerfile(t *testing.T) map[string]stage {
	t.Helper()
	f, err := os.Open(repository + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stages, name, text := map[string]stage{}, "", ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		part, continued := strings.CutSuffix(line, `\`)
		text += part
		if continued {
			continue
		}
		var step instruction
		step.name, step.text, _ = strings.Cut(text, " ")
		text = ""
		if step.name == "FROM" {
			base, as, named := strings.Cut(step.text, " AS ")
			if !named {
				t.Fatalf("FROM %s has no name", step.text)
			}
			name = as
			stages[name] = stage{base: base}
			continue
		}
		s := stages[name]
		s.steps = append(s.steps, step)
		stages[name] = s
	}
	return stages
}

// programs are those of each image, the entrypoint first.
var programs = map[string][]string{
	"mapper":   {"/usr/bin/mapper"},
	"cloudsvc": {"/usr/bin/cloudsvc", "/usr/bin/datastub"},
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	stages := readDockerfile(t)
	for target, paths := range programs {
		s, there := stages[target]
		if !there {
			t.Errorf("there is no target %s", target)
			continue
		}
		if s.base != "scratch" {
			t.Errorf("%s is made from %s, want scratch", target, s.base)
		}
		if got, want := s.last("COPY"), "--from="+target+"-root /rootfs/ /"; got != want {
			t.Errorf("%s: COPY %s, want %s", target, got, want)
		}
		if user := s.last("USER"); !regexp.MustCompile(`^[1-9]\d+:[1-9]\d+$`).MatchString(user) {
			t.Errorf("%s: USER %q, want numbers, and not root's", target, user)
		}
		if got := s.list(t, "ENTRYPOINT"); len(got) != 1 || got[0] != paths[0] {
			t.Errorf("%s: ENTRYPOINT %q, want %s", target, got, paths[0])
		}
		for _, label := range []string{"title", "description", "licenses", "version", "revision"} {
			if !strings.Contains(s.last("LABEL"), "org.opencontainers.image."+label+"=") {
				t.Errorf("%s has no label org.opencontainers.image.%s", target, label)
			}
		}
		if s.last("EXPOSE") == "" {
			t.Errorf("%s exposes no port", target)
		}
	}
}

// TestToolchain: the image is built by the Go that go.mod wants, on the Debian whose
// libraries the tests use.
func TestToolchain(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(repository + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		t.Fatal(err)
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	debian := regexp.MustCompile(`(?m)^VERSION_CODENAME=(\w+)`).FindSubmatch(release)
	if goVersion == nil || debian == nil {
		t.Fatal("go.mod names no Go, or this machine no Debian")
	}
	if got, want := readDockerfile(t)["source"].base, "golang:"+string(goVersion[1])+"-"+string(debian[1]); got != want {
		t.Errorf("it is built on %s, want %s", got, want)
	}
}
