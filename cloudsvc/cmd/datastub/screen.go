package main

import (
	"bytes"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// What a terminal is told: ECMA-48, and xterm's alternate screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K" // the rest of it
	clearBelow  = "\x1b[J"
)

// A screen is a terminal that is drawn on in place.
type screen struct{ file *os.File }

// screenOf returns the terminal behind a writer, or nil if there is none.
func screenOf(w io.Writer) *screen {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return &screen{file}
}

func (s *screen) enter() error { return s.write(enterScreen) }
func (s *screen) leave()       { _ = s.write(leaveScreen) } // a terminal that is gone needs no restoring

func (s *screen) write(text string) error {
	_, err := s.file.WriteString(text)
	return err
}

// size returns columns and rows, as they are now.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// draw replaces what the screen shows, cut to its size.
func (s *screen) draw(text []byte) error {
	width, height := s.size()
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	frame := []byte(toTop)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			frame = append(frame, '\n')
		}
		frame = append(frame, cut(line, width)...)
		frame = append(frame, clearLine...)
	}
	return s.write(string(frame) + clearBelow)
}

// cut returns so many runes of a line.
func cut(line []byte, runes int) []byte {
	end := 0
	for ; runes > 0 && end < len(line); runes-- {
		_, size := utf8.DecodeRune(line[end:])
		end += size
	}
	return line[:end]
}
