package mapper

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A Problem is one thing wrong with one file.
type Problem struct {
	File    string
	Object  string // such as "Device default/boiler-1"; empty if it is the file as a whole
	Err     error  // names the field, the value and what would be right
	Warning bool   // it harms nothing: what it names means nothing
}

// Error returns file: object: problem.
func (p Problem) Error() string {
	if p.Object == "" {
		return p.File + ": " + p.Err.Error()
	}
	return p.File + ": " + p.Object + ": " + p.Err.Error()
}

// Unwrap returns the error without the place.
func (p Problem) Unwrap() error { return p.Err }

func joinProblems(file string, errs field.ErrorList) error {
	problems := make([]error, len(errs))
	for i, err := range errs {
		problems[i] = Problem{File: file, Err: err}
	}
	return errors.Join(problems...)
}
