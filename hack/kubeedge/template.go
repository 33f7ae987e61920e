package kubeedge

import (
	"bytes"
	"embed"
	"os"
	"text/template"
)

//go:embed templates
var templates embed.FS

// values are what a template is filled with.
type values struct {
	Folder, Node string
	Token        string // by which the program that is configured is known
	Ports        ports
}

// render fills a template.
func (c *Cluster) render(name, token string) ([]byte, error) {
	parsed, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, values{Folder: c.Folder, Node: Node, Token: token, Ports: c.ports})
	return out.Bytes(), err
}

// write writes a template to the cluster's folder.
func (c *Cluster) write(name, token string) error {
	text, err := c.render(name, token)
	if err != nil {
		return err
	}
	return os.WriteFile(c.path(name), text, 0o600)
}
