package mapper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

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
	var objects Objects
	var problems []Problem
	for _, doc := range splitDocuments(data) {
		problems = append(problems, objects.add(file, doc)...)
	}
	if len(problems) > 0 {
		return Objects{}, problems
	}
	return objects, nil
}

// A document is one YAML document of a file.
type document struct {
	line int // its first line in the file, from 1
	text []byte
}

// splitDocuments splits a stream where YAML does: at lines that begin with
// "---" or are "...". Documents of nothing but comments are left out.
func splitDocuments(data []byte) []document {
	var docs []document
	current := document{line: 1}
	flush := func() {
		if !blank(current.text) {
			docs = append(docs, current)
		}
	}
	line := 0
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for text := range bytes.Lines(data) {
		line++
		end := string(bytes.TrimRight(text, " \t\r\n")) == "..."
		if end || bytes.HasPrefix(text, []byte("---")) {
			flush()
			current = document{line: line}
		}
		if !end {
			current.text = append(current.text, text...)
		}
	}
	flush()
	return docs
}

// blank tells whether a document has nothing but its mark and comments.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("---")))
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// add decodes one document.
func (o *Objects) add(file string, doc document) []Problem {
	place := fmt.Sprintf("document at line %d", doc.line)
	// The lines before the document make the decoder count the file's lines.
	padded := append(bytes.Repeat([]byte("\n"), doc.line-1), doc.text...)
	text, err := yaml.YAMLToJSONStrict(padded)
	if err != nil {
		return []Problem{{File: file, Object: place, Err: errors.New("not YAML: " + yamlReason(err))}}
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
		errs = field.ErrorList{field.NotSupported(field.NewPath("kind"), kind, []string{"Device", "DeviceModel"})}
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
		return field.ErrorList{field.NotSupported(field.NewPath("apiVersion"), got, []string{apiVersion})}
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
	return strings.Join([]string{kind, Key{Namespace: namespace, Name: name}.String()}, " ")
}
