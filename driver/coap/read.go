package coap

import (
	"context"
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/udp/client"

	"datastub/driver"
)

// Read gets each resource once, however many of the points are of it.
func (d *device) Read(ctx context.Context, points []driver.Point) ([]driver.Reading, error) {
	readings := make([]driver.Reading, len(points))
	answers := map[resource]answer{}
	for i, p := range points {
		own := d.own(p)
		a, known := answers[own.resource]
		if !known {
			var err error
			if a, err = d.get(ctx, own.resource); err != nil {
				return nil, fmt.Errorf("read %v: %w", own.resource, err)
			}
			answers[own.resource] = a
		}
		readings[i] = own.reading(a)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return readings, nil
}

// get asks for a resource.
func (d *device) get(ctx context.Context, r resource) (answer, error) {
	var a answer
	err := d.do(ctx, func(ctx context.Context, conn *client.Conn) error {
		m, err := newGet(ctx, conn, r)
		if err != nil {
			return err
		}
		defer conn.ReleaseMessage(m)
		response, err := conn.Do(m)
		if err != nil {
			return err
		}
		defer conn.ReleaseMessage(response)
		a = newAnswer(response, d.options.Now())
		return nil
	})
	return a, err
}

// newGet returns the request for a resource.
func newGet(ctx context.Context, conn *client.Conn, r resource) (*pool.Message, error) {
	m, err := conn.NewGetRequest(ctx, r.path, r.options()...)
	if err == nil && r.accept != anyFormat {
		m.SetAccept(r.accept)
	}
	return m, err
}
