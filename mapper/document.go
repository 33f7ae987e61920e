package mapper

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// A document is one YAML document of a file.
type document struct {
	line int // its first line in the file, from 1
	text []byte
}

// splitDocuments splits a stream where YAML does: at lines that begin with the
// mark "---" or "...". Documents of nothing but comments are left out.
func splitDocuments(data []byte) []document {
	var docs []document
	current := document{line: 1}
	flush := func() {
		if !blank(current.text) {
			docs = append(docs, current)
		}
	}
	line := 0
	for text := range yamlLines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		line++
		switch marks(text) {
		case "---":
			flush()
			current = document{line: line}
		case "...":
			flush()
			current = document{line: line}
			text = text[len("..."):] // what follows, a comment at the most, belongs to no document
		}
		current.text = append(current.text, text...)
	}
	flush()
	return docs
}

// yamlLines yields the lines of a text, each with its break. YAML has more
// breaks than "\n": a mark behind any of them is one.
func yamlLines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			end := lineEnd(data)
			if !yield(data[:end]) {
				return
			}
			data = data[end:]
		}
	}
}

// lineEnd returns where the first line of a text ends, its break included.
func lineEnd(data []byte) int {
	at := bytes.IndexAny(data, "\n\r\u0085\u2028\u2029")
	if at < 0 {
		return len(data)
	}
	if bytes.HasPrefix(data[at:], []byte("\r\n")) {
		return at + len("\r\n")
	}
	_, size := utf8.DecodeRune(data[at:])
	return at + size
}

// mark is a line that begins with a document's mark.
var mark = regexp.MustCompile(`^(---|\.\.\.)(?:\s|\x{85}|\x{2028}|\x{2029}|$)`)

// marks returns the mark that a line begins with, or nothing.
func marks(line []byte) string {
	if parts := mark.FindSubmatch(line); parts != nil {
		return string(parts[1])
	}
	return ""
}

// blank tells whether a document has nothing but its mark and comments.
func blank(text []byte) bool {
	for line := range yamlLines(text) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("---")))
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// lineNumber is where a YAML decoder's error tells a line.
var lineNumber = regexp.MustCompile(`(?m)^((?:error converting YAML to JSON: )?(?:yaml: )?\s*line )(\d+)`)

// maxReason is the longest that a decoder's words are told, in bytes: they may
// hold any number of keys of any length.
const maxReason = 512

// reason puts a YAML decoder's error of the document on one line, with the
// file's line numbers.
func (d document) reason(err error) string {
	text := lineNumber.ReplaceAllStringFunc(err.Error(), func(place string) string {
		parts := lineNumber.FindStringSubmatch(place)
		line, err := strconv.Atoi(parts[2])
		if err != nil {
			return place
		}
		return fmt.Sprint(parts[1], line+d.line-1)
	})
	return cutTo(maxReason, yamlReason(errors.New(text)))
}

// checkText refuses what is no text in UTF-8: YAML's decoders know UTF-16 too,
// but what splits documents does not.
func checkText(data []byte) error {
	if bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
		return errors.New("not a text in UTF-8 (it has NUL or other bytes that none has, as UTF-16 and binary files do): save it as UTF-8")
	}
	return nil
}
