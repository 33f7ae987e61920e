package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"datastub/dataplane/build"
)

// buildMetric is the metric whose labels tell cloudsvc's build.
const buildMetric = "datastub_build_info{"

// ErrNoBuild says that cloudsvc does not tell its build: it is older than that
// metric.
var ErrNoBuild = errors.New("cloudsvc does not tell its build")

var label = regexp.MustCompile(`(\w+)="([^"\\]*)"`)

// Build returns which build cloudsvc is, as far as its metrics tell: version,
// revision and Go.
func (c *Client) Build(ctx context.Context) (build.Stamp, error) {
	text, err := c.send(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return build.Stamp{}, err
	}
	defer drain(text)
	lines := bufio.NewScanner(io.LimitReader(text, maxAnswer))
	for lines.Scan() {
		if labels, ok := strings.CutPrefix(lines.Text(), buildMetric); ok {
			return buildOf(labels), nil
		}
	}
	if err := lines.Err(); err != nil {
		return build.Stamp{}, err
	}
	return build.Stamp{}, ErrNoBuild
}

func buildOf(labels string) build.Stamp {
	var s build.Stamp
	for _, l := range label.FindAllStringSubmatch(labels, -1) {
		switch l[1] {
		case "version":
			s.Version = l[2]
		case "revision":
			s.Revision = l[2]
		case "goversion":
			s.Go = l[2]
		}
	}
	return s
}
