package clienttest

import (
	"context"

	"datastub/cloudsvc"
	"datastub/cloudsvc/webhook"
)

// noHooks keeps and sends nothing: durable subscriptions can be made, and do
// not run.
type noHooks struct{}

func (noHooks) LoadHooks(context.Context) (map[string][]byte, error) { return nil, nil }

func (noHooks) SaveHook(context.Context, string, []byte) error { return nil }

func (noHooks) DeleteHook(context.Context, string) error { return nil }

func (noHooks) LoadCursors(context.Context) ([][]byte, error) { return nil, nil }

func (noHooks) SaveCursors(context.Context, int, []byte) error { return nil }

func (noHooks) LoadWindows(context.Context) (map[string][]byte, error) { return nil, nil }

func (noHooks) SaveWindows(context.Context, string, []byte) error { return nil }

func (noHooks) Bury(context.Context, *cloudsvc.DeadLetter) error { return nil }

func (noHooks) Rebury(context.Context, *cloudsvc.KeptLetter) error { return nil }

func (noHooks) Letter(context.Context, string) (cloudsvc.KeptLetter, error) {
	return cloudsvc.KeptLetter{}, cloudsvc.ErrNoSuchLetter
}

func (noHooks) NextLetter(context.Context, string, uint64) (cloudsvc.KeptLetter, error) {
	return cloudsvc.KeptLetter{}, cloudsvc.ErrNoSuchLetter
}

func (noHooks) DropLetter(context.Context, uint64) error { return nil }

func (noHooks) DropLetters(context.Context, string) error { return nil }

func (noHooks) Send(context.Context, *webhook.Request) (webhook.Outcome, error) {
	return webhook.Outcome{Verdict: webhook.Done}, nil
}
