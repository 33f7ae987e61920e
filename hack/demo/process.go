package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"datastub/hack/process"
)

// stopTime is how long a program may take to end after SIGTERM.
const stopTime = 5 * time.Second

// program is one of the demo's programs and the file with what it says.
type program struct {
	*process.Process
	name string
	log  string
}

// launch starts a program. What it prints goes to output, what it logs to a
// file.
func (d *demo) launch(name string, output io.Writer, command string, args ...string) error {
	p := &program{name: name, log: filepath.Join(d.dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer log.Close()
	p.Process, err = process.Start(process.Options{Command: command, Args: args, Stdout: output, Stderr: log})
	if err != nil {
		return err
	}
	d.programs = append(d.programs, p)
	return nil
}

// died tells that the program ended by itself, with the end of its log.
func (p *program) died() error {
	content, _ := os.ReadFile(p.log)
	if len(content) > 2000 {
		content = content[len(content)-2000:]
	}
	how := "well"
	if err := p.Err(); err != nil {
		how = err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s):\n%s", p.name, how, bytes.TrimSpace(content))
}
