package main

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A format is how a command prints: the value of its flag -o.
type format string

const (
	formatTable format = "table" // aligned columns, for people
	formatJSON  format = "json"  // one document a line
	formatYAML  format = "yaml"  // "---" and a document
)

// formats are all, as completion offers them.
var formats = []cobra.Completion{string(formatTable), string(formatJSON), string(formatYAML)}

var _ pflag.Value = (*format)(nil)

// addFormat gives a command the flag -o.
func addFormat(cmd *cobra.Command) *format {
	f := formatTable
	cmd.Flags().VarP(&f, "output", "o", "table, json (one document; one a line where they come in turn), or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return &f
}

// Set takes one of the formats.
func (f *format) Set(text string) error {
	if !slices.Contains(formats, text) {
		return errors.New("want table, json or yaml")
	}
	*f = format(text)
	return nil
}

// String returns the format's name.
func (f *format) String() string { return string(*f) }

// Type names the flag's value in help.
func (f *format) Type() string { return "format" }

// print writes one value: as a document with the names that it has in JSON, or
// as the rows, whose cells end with tabs and are aligned. Printing several
// values in turn makes NDJSON, or a stream of YAML documents.
func (f format) print(w io.Writer, value any, rows func(io.Writer)) error {
	switch f {
	case formatJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(value)
	case formatYAML:
		return printYAML(w, value)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(table) // what fails to be written does so in Flush
	return table.Flush()
}
