package mapper

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A catalog is what a set of files holds, by file name.
type catalog map[string]Objects

// specs assembles every device of the catalog. A device or model that
// is in two files is taken from the first by name; the other is a
// problem, and so is all that Assemble finds. The result is ordered by key.
func (c catalog) specs(defaults Rules, vet Vet) ([]Spec, []Problem) {
	var found problems
	models := map[Key]*v1beta1.DeviceModel{}
	owners := map[string]string{} // file by kind and key
	claim := func(file, kind string, key Key) bool {
		id := kind + " " + key.String()
		owner, taken := owners[id]
		if !taken {
			owners[id] = file
			return true
		}
		object := objectOf(kind, key)
		found.add(Problem{File: file, Object: object, Err: field.Invalid(
			field.NewPath("metadata", "name"), brief(key.Name),
			fmt.Sprintf("%s is in %s already, which holds: give it another name or take it out", object, owner))})
		return false
	}
	files := slices.Sorted(maps.Keys(c))
	for _, file := range files {
		for i := range c[file].Models {
			m := &c[file].Models[i]
			if key := (Key{m.Namespace, m.Name}); claim(file, "DeviceModel", key) {
				models[key] = m
			}
		}
	}
	var specs []Spec
	alike := likeness{}
	for _, file := range files {
		for i := range c[file].Devices {
			d := &c[file].Devices[i]
			key := Key{d.Namespace, d.Name}
			if !claim(file, "Device", key) {
				continue
			}
			tell := func(err error, warning bool) {
				found.add(Problem{File: file, Object: objectOf("Device", key), Err: err, Warning: warning})
			}
			spec, errs, warnings := Assemble(d, models[Key{d.Namespace, modelName(d)}], defaults, vet)
			for _, err := range errs {
				tell(err, false)
			}
			for _, err := range warnings {
				tell(err, true)
			}
			alike.share(d, &spec)
			specs = append(specs, spec)
		}
	}
	slices.SortFunc(specs, func(a, b Spec) int { return a.Key.Compare(b.Key) })
	slices.SortStableFunc(found.list, func(a, b Problem) int { return cmp.Compare(a.File, b.File) })
	return specs, found.list
}
