package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Programs are what was built.
type Programs struct {
	folder string
}

// Folder returns the folder that they are in.
func (p *Programs) Folder() string { return p.folder }

// Path returns the path of a program: cloudcore, edgecore, kube-apiserver or
// kubectl.
func (p *Programs) Path(name string) string { return filepath.Join(p.folder, name) }

// CRDs returns the folder of KubeEdge's custom resource definitions.
func (p *Programs) CRDs() string { return filepath.Join(p.folder, "crds") }

// Make returns the programs, and builds them first where the cache does not
// have them. What it is about is told to progress, a line every half a minute.
// Only one process builds: others wait for it. A build that is broken off leaves
// nothing that a later one would take for whole.
func Make(ctx context.Context, progress io.Writer) (*Programs, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("where to keep KubeEdge's programs: %w", err)
	}
	return makeIn(ctx, filepath.Join(cache, "datastub", "kubeedge"), sources, progress)
}

func makeIn(ctx context.Context, cache string, sources []source, progress io.Writer) (*Programs, error) {
	p := &Programs{folder: filepath.Join(cache, versions(sources))}
	if p.complete(sources) {
		return p, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	release, err := lock(ctx, cache, progress)
	if err != nil {
		return nil, err
	}
	defer release()
	if p.complete(sources) {
		return p, nil
	}
	if err := p.build(ctx, sources, progress); err != nil {
		return nil, fmt.Errorf("build KubeEdge's programs: %w", err)
	}
	return p, nil
}

// versions names a set of programs.
func versions(sources []source) string {
	var names []string
	for _, s := range sources {
		names = append(names, filepath.Base(s.path)+"-"+s.version)
	}
	return strings.Join(append(names, runtime.Version()), "-")
}

// complete tells whether all programs are there. (A recipe with fewer may have
// made the folder.)
func (p *Programs) complete(sources []source) bool {
	for _, s := range sources {
		for _, name := range s.names() {
			if _, err := os.Stat(p.Path(name)); err != nil {
				return false
			}
		}
	}
	return true
}

// build builds all in a folder beside, which then takes its place.
func (p *Programs) build(ctx context.Context, sources []source, progress io.Writer) (err error) {
	beside := p.folder + ".building"
	if err := errors.Join(os.RemoveAll(beside), os.Mkdir(beside, 0o755)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(beside)) }()
	made := &Programs{folder: filepath.Join(beside, "made")}
	for i := range sources {
		if err := made.add(ctx, &sources[i], filepath.Join(beside, fmt.Sprint("module-", i)), progress); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(p.folder); err != nil {
		return err
	}
	return os.Rename(made.folder, p.folder)
}

// add builds the programs of a source, in a build module that it writes.
func (p *Programs) add(ctx context.Context, s *source, buildModule string, progress io.Writer) error {
	defer tell(progress, fmt.Sprintf("building %s of %s %s, some %s the first time",
		strings.Join(s.names(), " and "), s.path, s.version, s.takes))()
	folder, err := s.download(ctx)
	if err != nil {
		return err
	}
	if err := os.Mkdir(buildModule, 0o755); err != nil {
		return err
	}
	if err := s.writeModule(ctx, folder, buildModule); err != nil {
		return err
	}
	if err := s.compile(ctx, buildModule, p.folder); err != nil {
		return err
	}
	crds := filepath.Join(folder, "build", "crds")
	if _, err := os.Stat(crds); err != nil {
		return nil // Kubernetes has none
	}
	return os.CopyFS(p.CRDs(), os.DirFS(crds))
}
