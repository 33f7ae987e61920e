package mapper

import (
	"errors"
	"fmt"

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

// maxProblems is how many problems of one file are told, and as many warnings:
// more would hide those of other files.
const maxProblems = 50

// problems are those found, up to maxProblems a file. The zero value is empty.
type problems struct {
	list  []Problem
	count map[Problem]int // of problems and of warnings, by a Problem without Object and Err
}

// add takes problems. Those of a file that has too many are passed over, which
// is a problem itself.
func (p *problems) add(found ...Problem) {
	if p.count == nil {
		p.count = map[Problem]int{}
	}
	for _, problem := range found {
		kind := Problem{File: problem.File, Warning: problem.Warning}
		p.count[kind]++
		switch n := p.count[kind]; {
		case n <= maxProblems:
			p.list = append(p.list, problem)
		case n == maxProblems+1:
			kind.Err = fmt.Errorf("there are more than these %d: mend them first", maxProblems)
			p.list = append(p.list, kind)
		}
	}
}

// full tells whether further problems of a file are passed over.
func (p *problems) full(file string) bool { return p.count[Problem{File: file}] > maxProblems }

func joinProblems(file string, errs field.ErrorList) error {
	problems := make([]error, len(errs))
	for i, err := range errs {
		problems[i] = Problem{File: file, Err: err}
	}
	return errors.Join(problems...)
}
