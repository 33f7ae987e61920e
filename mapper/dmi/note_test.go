package dmi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"datastub/mapper"
)

// A warning is logged when it is new, not at each change of its device.
func TestWarningsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	r, to, _ := testRoster()
	var logged []string
	r.logger = funcr.New(func(_, line string) {
		if strings.Contains(line, `"Device has a warning"`) {
			_, warning, _ := strings.Cut(line, `"warning"=`)
			logged = append(logged, warning)
		}
	}, funcr.Options{})
	var warnings []error
	r.vet = func(mapper.Spec) ([]error, []error) { return nil, warnings }
	r.putModel(modelMessage("l"))
	steps := []struct {
		offset   float32
		warnings []error
		want     []string
	}{
		{1, []error{errors.New("odd")}, []string{`"odd"`}},
		{2, []error{errors.New("odd")}, nil},
		{3, []error{errors.New("odd"), errors.New("old")}, []string{`"old"`}},
		{4, nil, nil},
		{5, []error{errors.New("odd")}, []string{`"odd"`}},
	}
	for _, step := range steps {
		warnings, logged = step.warnings, nil
		r.put(deviceMessage(t, "modbus", "a", step.offset))
		if !slices.Equal(logged, step.want) {
			t.Errorf("change %v with warnings %v: logged %v, want %v", step.offset, step.warnings, logged, step.want)
		}
	}
	if got := to.changes(); got != len(steps) {
		t.Errorf("told %d changes, want %d", got, len(steps))
	}
}
