package kubeedge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"datastub/hack/process"
)

const (
	// stopLimit is how long a component has to end by itself.
	stopLimit = 10 * time.Second
	// readyLimit is how long one may take to be ready. cloudcore sleeps for up to
	// 9 s before it does anything.
	readyLimit = 90 * time.Second
	readyPoll  = 50 * time.Millisecond
	// tail is how much of a log is told, in bytes.
	tail = 2000
)

// A Component is one of the programs that a Cluster is made of. It can be
// started again after it was stopped or killed, and has all that it had. Its
// methods are not safe for concurrent use.
type Component struct {
	Name string
	Log  string // the file that it logs to, at all its starts

	command string
	args    []string
	ready   func(ctx context.Context) error // asked again and again until it returns nil
	running *process.Process
	started int // how long Log was then, in bytes
}

// Start starts it and waits until it is ready.
func (c *Component) Start(ctx context.Context) error {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c.started = len(c.logged())
	if c.running, err = process.Start(process.Options{Command: c.command, Args: c.args, Stdout: log, Stderr: log}); err != nil {
		return err
	}
	if err := poll(ctx, c.check); err != nil {
		return fmt.Errorf("%s: %w; the end of %s:\n%s", c.Name, err, c.Log, c.lastLines())
	}
	return nil
}

// errEnded says that a component has ended though nobody stopped it.
var errEnded = errors.New("it has ended by itself")

// check asks whether it is ready.
func (c *Component) check(ctx context.Context) error {
	if !c.running.Running() {
		return c.ended()
	}
	return c.ready(ctx)
}

// ended tells how it has ended, of which it may say nothing.
func (c *Component) ended() error { return errors.Join(errEnded, c.running.Err()) }

// poll asks until there is no error, for as long as a component may take to be
// ready, or until the error says that it has ended.
func poll(ctx context.Context, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", readyLimit, err)
		}
	}
}

// Stop ends it, and returns when it has ended: how is not ours to judge.
func (c *Component) Stop() {
	if c.running != nil {
		_ = c.running.Stop(stopLimit)
	}
}

// Running tells whether it has been started, and has not ended.
func (c *Component) Running() bool { return c.running != nil && c.running.Running() }

// Kill ends it by SIGKILL.
func (c *Component) Kill() { c.running.Kill() }

// said returns an error unless it has logged a text since it was started.
func (c *Component) said(text string) error {
	if content := c.logged(); !bytes.Contains(content[min(c.started, len(content)):], []byte(text)) {
		return fmt.Errorf("its log has no %q yet", text)
	}
	return nil
}

// lastLines returns the end of its log.
func (c *Component) lastLines() []byte {
	content := c.logged()
	return content[max(0, len(content)-tail):]
}

// logged returns its log, or why it cannot be read.
func (c *Component) logged() []byte {
	content, err := os.ReadFile(c.Log)
	if err != nil {
		return []byte(err.Error())
	}
	return content
}
