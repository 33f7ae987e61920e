package coap

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/udp/client"

	"datastub/driver"
)

// Write puts or posts the value.
func (d *device) Write(ctx context.Context, p driver.Point, value any) error {
	if err := d.write(ctx, d.own(p), value); err != nil {
		return fmt.Errorf("write %v: %w", p, err)
	}
	return nil
}

func (d *device) write(ctx context.Context, p *point, value any) error {
	if p.readOnly {
		return driver.ErrReadOnly
	}
	payload, err := p.encode(value)
	if err != nil {
		return err
	}
	var refusal error
	err = d.do(ctx, func(ctx context.Context, conn *client.Conn) error {
		m, err := newWrite(ctx, conn, p, payload)
		if err != nil {
			return err
		}
		defer conn.ReleaseMessage(m)
		response, err := conn.Do(m)
		if err != nil {
			return err
		}
		defer conn.ReleaseMessage(response)
		refusal = refused(response)
		return nil
	})
	if err != nil {
		return err
	}
	return readOnlyIf(refusal)
}

// newWrite returns the request that writes a point.
func newWrite(ctx context.Context, conn *client.Conn, p *point, payload []byte) (*pool.Message, error) {
	body, options := bytes.NewReader(payload), p.resource.options()
	if p.method == codes.POST {
		return conn.NewPostRequest(ctx, p.resource.path, media[p.format], body, options...)
	}
	return conn.NewPutRequest(ctx, p.resource.path, media[p.format], body, options...)
}

// readOnlyIf wraps ErrReadOnly around a refusal of the method: the device lets
// nobody write the resource.
func readOnlyIf(err error) error {
	if r, ok := errors.AsType[*refusal](err); ok && r.code == codes.MethodNotAllowed {
		return fmt.Errorf("%w: %w", driver.ErrReadOnly, err)
	}
	return err
}
