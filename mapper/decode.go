package mapper

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/kubeedge/api/apis/devices/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// Objects are what a file of CRs holds, in its order.
type Objects struct {
	Devices []v1beta1.Device
	Models  []v1beta1.DeviceModel
}

// Decode reads a file of YAML documents, or one of JSON, into Devices and
// DeviceModels. It is strict: a key that KubeEdge would prune, a key given
// twice and a value of the wrong type are errors. Each is a Problem of the
// named file; if there is one, there are no Objects. A namespace that is not
// given is "default", and status is passed over.
func Decode(file string, data []byte) (Objects, []Problem) {
	if err := checkText(data); err != nil {
		return Objects{}, []Problem{{File: file, Err: err}}
	}
	var objects Objects
	var found problems
	for _, doc := range splitDocuments(data) {
		found.add(objects.add(file, doc)...)
		if found.full(file) { // nothing of the file is taken anyway
			break
		}
	}
	if len(found.list) > 0 {
		return Objects{}, found.list
	}
	return objects, nil
}

// add decodes one document.
func (o *Objects) add(file string, doc document) []Problem {
	place := fmt.Sprintf("document at line %d", doc.line)
	err := checkYAML(doc.text)
	var text []byte
	if err == nil {
		text, err = yaml.YAMLToJSONStrict(doc.text)
	}
	if err != nil {
		return []Problem{{File: file, Object: place, Err: errors.New("not YAML: " + doc.reason(err))}}
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return []Problem{{File: file, Object: place, Err: err}}
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return []Problem{{File: file, Object: place, Err: errors.New("want a map with apiVersion, kind, metadata and spec")}}
	}
	var errs field.ErrorList
	switch kind, _ := object["kind"].(string); kind {
	case "Device":
		var d v1beta1.Device
		if errs = decodeObject(object, &d, &d.Name, &d.Namespace); len(errs) == 0 {
			o.Devices = append(o.Devices, d)
		}
	case "DeviceModel":
		var m v1beta1.DeviceModel
		if errs = decodeObject(object, &m, &m.Name, &m.Namespace); len(errs) == 0 {
			o.Models = append(o.Models, m)
		}
	case "":
		errs = field.ErrorList{field.Required(field.NewPath("kind"), "want Device or DeviceModel")}
	default:
		errs = field.ErrorList{field.NotSupported(field.NewPath("kind"), cutShort(kind), []string{"Device", "DeviceModel"})}
	}
	var problems []Problem
	for _, err := range errs {
		problems = append(problems, Problem{File: file, Object: objectName(object, place), Err: err})
	}
	return problems
}

// decodeObject checks a tree against the type that into points to and decodes
// it there. Name and namespace point into it.
func decodeObject(tree map[string]any, into any, name, namespace *string) field.ErrorList {
	// What a cluster gives out has the status in it, whose fields differ from
	// version to version: it is not the user's wish.
	delete(tree, "status")
	apiVersion := v1beta1.SchemeGroupVersion.String()
	if got, _ := tree["apiVersion"].(string); got != apiVersion {
		return field.ErrorList{field.NotSupported(field.NewPath("apiVersion"), cutShort(got), []string{apiVersion})}
	}
	if errs := (shape{tag: "json"}).check(nil, tree, reflect.TypeOf(into).Elem()); len(errs) > 0 {
		return errs
	}
	text, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("(document)"), err)}
	}
	if *name == "" {
		return field.ErrorList{field.Required(field.NewPath("metadata", "name"), "want the object's name")}
	}
	if *namespace == "" {
		*namespace = "default"
	}
	return nil
}

// objectName names an object for people, and is place if it has no name.
func objectName(tree map[string]any, place string) string {
	kind, _ := tree["kind"].(string)
	metadata, _ := tree["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if kind == "" || name == "" {
		return place
	}
	namespace, _ := metadata["namespace"].(string)
	if namespace == "" {
		namespace = "default"
	}
	return objectOf(kind, Key{Namespace: namespace, Name: name})
}

// objectOf names an object for people.
func objectOf(kind string, key Key) string {
	return plain(kind) + " " + plain(key.Namespace) + "/" + plain(key.Name)
}
