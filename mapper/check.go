package mapper

// A Summary is what Check found to be right.
type Summary struct {
	Devices, Properties int
	FromEdgeCore        bool // the devices are not known: they come when the mapper runs
}

// Check reads a config and every file of its folder of devices, if it has one,
// as the mapper would, without any IO to a device. The problems are all there are, each
// with its file: those of CRs, and those that drivers have with settings.
// Warnings are settings that mean nothing to anybody, as CRs made for other
// mappers have them.
func Check(path string, drivers Drivers) (summary Summary, problems, warnings []error) {
	config, err := LoadConfig(path)
	if err != nil {
		return Summary{}, flatten(err), nil
	}
	if err := config.DataPlane.Spool.check(); err != nil {
		problems = append(problems, Problem{File: path, Err: err})
	}
	if config.Devices.Source == FromEdgeCore {
		if err := config.CheckProtocols(drivers); err != nil {
			problems = append(problems, Problem{File: path, Err: err})
		}
		return Summary{FromEdgeCore: true}, problems, nil
	}
	folder, err := NewFolder(FolderOptions{Dir: config.Devices.Folder, Defaults: config.DataPlane.Defaults, Vet: drivers.Vet})
	if err != nil {
		return Summary{}, append(problems, err), nil
	}
	folder.scan()
	if err := folder.missingError(); err != nil {
		problems = append(problems, Problem{File: path, Err: err})
	}
	specs, found := folder.state()
	wrong, warnings := sift(found)
	problems = append(problems, wrong...)
	for _, spec := range specs {
		if !spec.Void {
			summary.Devices++
		}
		summary.Properties += len(spec.Properties)
	}
	return summary, problems, warnings
}

// sift parts problems from warnings.
func sift(found []Problem) (problems, warnings []error) {
	for _, p := range found {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			problems = append(problems, p)
		}
	}
	return problems, warnings
}

// flatten returns the errors that were joined.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
