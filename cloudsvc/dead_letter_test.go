package cloudsvc

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"datastub/cloudsvc/webhook"
)

// testDeadLetter is a dead letter of a subscription.
func testDeadLetter(subscription string, n int) *DeadLetter {
	o := webhook.Outcome{Verdict: webhook.Refused, Status: 400, Reason: "answered 400 Bad Request", Head: []byte("no \xff")}
	hook := &Hook{ID: subscription, Topic: "sensor/#"}
	return newDeadLetter(hook, fmt.Sprintf("edge-1/mapper/RT/1/%d", n), []byte(`{"value":1}`), webhook.Tries{Count: 1, First: testTime}, o, testTime)
}

// memoryLetters is a DeadLetterBox in memory, for so many letters.
type memoryLetters struct {
	lettersMu sync.Mutex
	letters   []KeptLetter // by place
	places    uint64
	room      int // 0: without end
}

func (m *memoryLetters) Bury(_ context.Context, d *DeadLetter) error {
	m.lettersMu.Lock()
	defer m.lettersMu.Unlock()
	m.remove(func(kept *KeptLetter) bool { return kept.ID == d.ID })
	if m.room > 0 && len(m.letters) == m.room {
		return ErrLettersFull
	}
	m.places++
	m.letters = append(m.letters, KeptLetter{*d, m.places})
	return nil
}

func (m *memoryLetters) Rebury(ctx context.Context, kept *KeptLetter) error {
	if is, err := m.Letter(ctx, kept.ID); err != nil || is.Place != kept.Place {
		return nil
	}
	return m.Bury(ctx, &kept.DeadLetter)
}

func (m *memoryLetters) Letter(_ context.Context, id string) (KeptLetter, error) {
	return m.find(func(kept *KeptLetter) bool { return kept.ID == id })
}

func (m *memoryLetters) NextLetter(_ context.Context, subscription string, after uint64) (KeptLetter, error) {
	return m.find(func(kept *KeptLetter) bool {
		return kept.Place > after && (subscription == "" || kept.Subscription == subscription)
	})
}

func (m *memoryLetters) DropLetter(_ context.Context, place uint64) error {
	m.lettersMu.Lock()
	defer m.lettersMu.Unlock()
	m.remove(func(kept *KeptLetter) bool { return kept.Place == place })
	return nil
}

func (m *memoryLetters) DropLetters(_ context.Context, subscription string) error {
	m.lettersMu.Lock()
	defer m.lettersMu.Unlock()
	m.remove(func(kept *KeptLetter) bool { return kept.Subscription == subscription })
	return nil
}

func (m *memoryLetters) remove(is func(*KeptLetter) bool) {
	m.letters = slices.DeleteFunc(m.letters, func(kept KeptLetter) bool { return is(&kept) })
}

func (m *memoryLetters) find(is func(*KeptLetter) bool) (KeptLetter, error) {
	m.lettersMu.Lock()
	defer m.lettersMu.Unlock()
	for i := range m.letters {
		if is(&m.letters[i]) {
			return m.letters[i], nil
		}
	}
	return KeptLetter{}, ErrNoSuchLetter
}

func (m *memoryLetters) buried() []KeptLetter {
	m.lettersMu.Lock()
	defer m.lettersMu.Unlock()
	return slices.Clone(m.letters)
}
