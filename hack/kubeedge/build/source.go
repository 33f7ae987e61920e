package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
)

// A source is a Go module with programs.
type source struct {
	path, version string
	sum           string         // the module's, as go.sum has it
	staged        *regexp.Regexp // what its go.mod takes from its own folders
	stagedVersion string         // under which those parts are published
	programs      []string       // packages
	takes         string         // how long a first build takes, on two cores
}

// sources are all that a cluster is made of, but etcd, which is Debian's.
var sources = []source{
	{
		path:          "github.com/kubeedge/kubeedge",
		version:       "v1.23.0",
		sum:           "h1:lp3Gb5aulfDHHJ1i8w+djA3oczwtUaOhaHeamXTPcHE=",
		staged:        regexp.MustCompile(`=> \./staging/src/(github\.com/kubeedge/(?:api|beehive))`),
		stagedVersion: "v1.23.0",
		programs:      []string{"cloud/cmd/cloudcore", "edge/cmd/edgecore"},
		takes:         "6 minutes",
	},
	{
		path:          "k8s.io/kubernetes",
		version:       "v1.34.1",
		sum:           "h1:F3p8dtpv+i8zQoebZeK5zBqM1g9x1aIdnA5vthvcuUk=",
		staged:        regexp.MustCompile(`=> \./staging/src/(k8s\.io/[a-z0-9-]+)`),
		stagedVersion: "v0.34.1",
		programs:      []string{"cmd/kube-apiserver", "cmd/kubectl"},
		takes:         "6 minutes",
	},
}

// names returns what its programs are called.
func (s *source) names() (names []string) {
	for _, program := range s.programs {
		names = append(names, path.Base(program))
	}
	return names
}

// download puts the module in the module cache and returns its folder there.
func (s *source) download(ctx context.Context) (folder string, err error) {
	out, err := run(ctx, os.TempDir(), "mod", "download", "-json", s.path+"@"+s.version)
	var module struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &module); jsonErr != nil {
		return "", errors.Join(err, jsonErr)
	}
	if module.Error != "" {
		return "", fmt.Errorf("download %s %s: %s", s.path, s.version, module.Error)
	}
	if module.Sum != s.sum {
		return "", fmt.Errorf("download %s %s: its sum is %s, want %s", s.path, s.version, module.Sum, s.sum)
	}
	return module.Dir, err
}

// moduleLine matches the line of a go.mod that names its module.
var moduleLine = regexp.MustCompile(`(?m)^module .*$`)

// writeModule writes a build module: the module's own go.mod and go.sum, so that
// all is built of the very versions that it names, with its staging folders
// replaced by what is published of them. (Replacements count in the main module
// only, so requiring it would not do.)
func (s *source) writeModule(ctx context.Context, folder, to string) error {
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(folder, "go.sum"))
	if err != nil {
		return err
	}
	if mod, err = s.publish(mod); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "go.mod"), mod, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "go.sum"), sums, 0o600); err != nil {
		return err
	}
	_, err = run(ctx, to, "mod", "edit", "-require="+s.path+"@"+s.version)
	return err
}

// publish makes the module's go.mod one that needs nothing of its folders.
func (s *source) publish(mod []byte) ([]byte, error) {
	mod = moduleLine.ReplaceAll(mod, []byte("module build"))
	mod = s.staged.ReplaceAll(mod, []byte("=> $1 "+s.stagedVersion))
	if bytes.Contains(mod, []byte("=> ./")) {
		return nil, fmt.Errorf("%s %s: its go.mod takes more from its own folders than what matches %q", s.path, s.version, s.staged)
	}
	return mod, nil
}

// compile builds the programs into a folder.
func (s *source) compile(ctx context.Context, buildModule, to string) error {
	args := []string{"build", "-mod=mod", "-buildvcs=false", "-o", to + string(filepath.Separator)}
	for _, program := range s.programs {
		args = append(args, s.path+"/"+program)
	}
	_, err := run(ctx, buildModule, args...)
	return err
}
