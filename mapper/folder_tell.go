package mapper

import (
	"path/filepath"

	"k8s.io/klog/v2"
)

// tell logs each problem once for each content of its file, and the files that
// have none any more.
func (f *Folder) tell(log klog.Logger, problems []Problem) {
	standing := make(map[string]bool, len(problems))
	wrong := map[string]bool{}
	for _, p := range problems {
		known := f.files[filepath.Base(p.File)]
		id := p.Error()
		if known != nil {
			id = string(known.sum[:]) + id
		}
		if !f.told[id] && !standing[id] {
			f.tellProblem(log, p, known)
		}
		standing[id] = true
		wrong[p.File] = wrong[p.File] || !p.Warning
	}
	if f.wrong[f.options.Dir] && !wrong[f.options.Dir] {
		log.Info("Folder of devices can be read again", "folder", f.options.Dir)
	}
	for _, path := range f.mended(wrong) {
		log.Info("Device file is right again", "file", path)
	}
	f.told, f.wrong = standing, wrong
}

// tellProblem logs one problem. Known is its file, or nil for the folder.
func (f *Folder) tellProblem(log klog.Logger, p Problem, known *file) {
	switch {
	case p.Warning:
		log.Info("Device file has a warning", "file", p.File, "object", p.Object, "warning", p.Err.Error())
	case known == nil:
		log.Error(p.Err, "Folder of devices cannot be read: what it held before stays", "folder", p.File)
	case len(known.problems) == 0:
		log.Error(p.Err, "Device file has a problem", "file", p.File, "object", p.Object)
	case known.empty():
		log.Error(p.Err, "Device file has a problem: nothing of it is taken", "file", p.File, "object", p.Object)
	default:
		log.Error(p.Err, "Device file has a problem: what it held before stays", "file", p.File, "object", p.Object)
	}
}

// mended returns the files that had problems, have none in wrong, and are
// still there. It is ordered.
func (f *Folder) mended(wrong map[string]bool) []string {
	var paths []string
	for _, name := range f.names() {
		if path := filepath.Join(f.options.Dir, name); f.wrong[path] && !wrong[path] {
			paths = append(paths, path)
		}
	}
	return paths
}

// tellChanged logs that a device is another now, or cannot be run.
func (f *Folder) tellChanged(log klog.Logger, before, now Spec) {
	switch {
	case now.Void && !before.Void:
		log.Info("Device is stopped: its file has a problem", "device", now.Key.String(), "file", f.fileOf(now.Key))
	case !now.Void && !before.Void:
		log.Info("Device is changed", "device", now.Key.String(), "file", f.fileOf(now.Key))
	}
}
