package clienttest

import (
	"context"

	"datastub/cloudsvc/webhook"
)

// noHooks keeps durable subscriptions in memory only, and receivers want and take
// all.
type noHooks struct{}

func (noHooks) LoadHooks(context.Context) (map[string][]byte, error) { return nil, nil }

func (noHooks) SaveHook(context.Context, string, []byte) error { return nil }

func (noHooks) DeleteHook(context.Context, string) error { return nil }

func (noHooks) LoadCursors(context.Context) (map[int][]byte, error) { return nil, nil }

func (noHooks) SaveCursors(context.Context, int, []byte) error { return nil }

func (noHooks) LoadWindows(context.Context) (map[string][]byte, error) { return nil, nil }

func (noHooks) SaveWindows(context.Context, string, []byte) error { return nil }

func (noHooks) Send(context.Context, *webhook.Request) (webhook.Outcome, error) {
	return webhook.Outcome{Verdict: webhook.Done}, nil
}

func (noHooks) Handshake(context.Context, string, float64) (float64, error) { return 0, nil }
