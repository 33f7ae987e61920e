package clienttest

import (
	"context"
	"slices"
	"sync"

	"datastub/cloudsvc"
)

// letters keeps dead letters in memory.
type letters struct {
	mu    sync.Mutex
	place uint64
	kept  []cloudsvc.KeptLetter // by place
}

var _ cloudsvc.DeadLetterBox = (*letters)(nil)

func (l *letters) Bury(_ context.Context, d *cloudsvc.DeadLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bury(d)
	return nil
}

func (l *letters) bury(d *cloudsvc.DeadLetter) {
	l.drop(func(kept *cloudsvc.KeptLetter) bool { return kept.ID == d.ID })
	l.place++
	l.kept = append(l.kept, cloudsvc.KeptLetter{DeadLetter: *d, Place: l.place})
}

func (l *letters) Rebury(_ context.Context, again *cloudsvc.KeptLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.ContainsFunc(l.kept, func(kept cloudsvc.KeptLetter) bool { return kept.Place == again.Place }) {
		l.bury(&again.DeadLetter)
	}
	return nil
}

func (l *letters) Letter(_ context.Context, id string) (cloudsvc.KeptLetter, error) {
	return l.find(func(kept *cloudsvc.KeptLetter) bool { return kept.ID == id })
}

func (l *letters) NextLetter(_ context.Context, subscription string, after uint64) (cloudsvc.KeptLetter, error) {
	return l.find(func(kept *cloudsvc.KeptLetter) bool {
		return kept.Place > after && (subscription == "" || kept.Subscription == subscription)
	})
}

func (l *letters) DropLetter(_ context.Context, place uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(kept *cloudsvc.KeptLetter) bool { return kept.Place == place })
	return nil
}

func (l *letters) DropLetters(_ context.Context, subscription string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(kept *cloudsvc.KeptLetter) bool { return kept.Subscription == subscription })
	return nil
}

// drop drops those that are so. l.mu is held.
func (l *letters) drop(so func(*cloudsvc.KeptLetter) bool) {
	l.kept = slices.DeleteFunc(l.kept, func(kept cloudsvc.KeptLetter) bool { return so(&kept) })
}

func (l *letters) find(so func(*cloudsvc.KeptLetter) bool) (cloudsvc.KeptLetter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.kept {
		if so(&l.kept[i]) {
			return l.kept[i], nil
		}
	}
	return cloudsvc.KeptLetter{}, cloudsvc.ErrNoSuchLetter
}
