package natslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
)

const (
	// deadStream holds dead letters, each at deadSubject.<subscription>.<id>, up to
	// a deadShare of what a class may have, or as it is asked for. Then it takes no more: which go first is
	// cloudsvc's to decide, and to tell.
	//
	// The last one at a subject counts, and those before it are deleted, each by a
	// request: what NATS's own limit of one a subject has removed comes back where
	// the last one is deleted, and the server then killed.
	deadStream  = "DLQ"
	deadSubject = "ds.dlq"
	deadShare   = 8
)

// openLetters opens the dead letters, or makes room for them beside classes that
// have some each, in bytes.
func (l *Log) openLetters(ctx context.Context, o Options, room int64) (err error) {
	want := room / deadShare
	if o.Dir == "" && o.DeadLetterBytes > 0 {
		want = o.DeadLetterBytes
	}
	l.letters, err = openStream(ctx, l.js, jetstream.StreamConfig{
		Name: deadStream, Description: "DataStub's dead letters", Subjects: []string{deadSubject + ".*.*"},
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxBytes: want,
	})
	if err != nil {
		return fmt.Errorf("open the stream %s: %w", deadStream, err)
	}
	if o.Dir != "" {
		return l.fitLetters(ctx, o, room)
	}
	if have := l.letters.CachedInfo().Config.MaxBytes; o.DeadLetterBytes > 0 && have != o.DeadLetterBytes {
		return fmt.Errorf("deadLetters: maxBytes: %d: the stream %s has a max_bytes of %d: make it the same, or leave maxBytes out", o.DeadLetterBytes, deadStream, have)
	}
	return nil
}

// fitLetters gives the dead letters of the embedded server the room that is asked
// for, as far as the disk has it, or what they have without. What is too much then
// goes when the next one comes, and is told.
func (l *Log) fitLetters(ctx context.Context, o Options, room int64) (err error) {
	info := l.letters.CachedInfo()
	config := info.Config
	want := o.DeadLetterBytes
	if want == 0 {
		want = min(max(config.MaxBytes, room/deadShare), maxBytes/deadShare) // a disk that fills takes nothing back
	}
	if config.MaxBytes == want {
		return nil
	}
	if config.MaxBytes, err = fit(o.Dir, want, int64(info.State.Bytes)); err != nil {
		return err
	}
	if config.MaxBytes < want {
		l.logger.Info("The disk has no room for all dead letters that may be kept; the oldest go first", "wanted", want, "room", config.MaxBytes)
	}
	if l.letters, err = l.js.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("set the limits of the stream %s: %w", deadStream, err)
	}
	return nil
}

// letterSubject is that of a dead letter, or, by *, of several. Ids are ours, and
// have nothing that a subject does not take.
func letterSubject(subscription, id string) string {
	return deadSubject + "." + subscription + "." + id
}

// Bury implements cloudsvc.DeadLetterBox.
func (l *Log) Bury(ctx context.Context, d *cloudsvc.DeadLetter) error {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	before, err := l.letters.GetLastMsgForSubject(ctx, letterSubject(d.Subscription, d.ID))
	if err == nil {
		err = l.bury(ctx, d, before.Sequence)
	} else if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = l.bury(ctx, d, 0)
	}
	if err != nil {
		return fmt.Errorf("store dead letter %s of subscription %s: %w", d.ID, d.Subscription, err)
	}
	return nil
}

// Rebury implements cloudsvc.DeadLetterBox.
func (l *Log) Rebury(ctx context.Context, kept *cloudsvc.KeptLetter) error {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	if err := l.bury(ctx, &kept.DeadLetter, kept.Place); err != nil && !wrongLast(err) {
		return fmt.Errorf("store dead letter %s of subscription %s again: %w", kept.ID, kept.Subscription, err)
	}
	return nil
}

// bury stores a dead letter in the place of the one that its subject ends with; 0:
// it has none.
func (l *Log) bury(ctx context.Context, d *cloudsvc.DeadLetter, before uint64) error {
	record, err := letterRecord(d, int(l.conn.MaxPayload())-blockRoom)
	if err != nil {
		return err
	}
	_, err = l.js.Publish(ctx, letterSubject(d.Subscription, d.ID), record, jetstream.WithExpectLastSequencePerSubject(before))
	switch {
	case isFull(err):
		return cloudsvc.ErrLettersFull
	case err != nil || before == 0:
		return err
	}
	return l.DropLetter(ctx, before)
}

// letterRecord returns what is stored of a dead letter, in so many bytes.
func letterRecord(d *cloudsvc.DeadLetter, most int) ([]byte, error) {
	record, err := encodeLetter(d)
	if err != nil || len(record) <= most {
		return record, err
	}
	short := *d
	short.Message = nil
	return encodeLetter(&short)
}

// encodeLetter leaves the message as it is: json.Marshal would escape in it what a
// web page must not have, and a redrive would send other bytes than the first try.
func encodeLetter(d *cloudsvc.DeadLetter) ([]byte, error) {
	var record bytes.Buffer
	encoder := json.NewEncoder(&record)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(d)
	return bytes.TrimSuffix(record.Bytes(), []byte("\n")), err
}

// isFull tells whether a stream has refused a message for want of room. The
// server has one code for all that a store refuses.
func isFull(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (strings.Contains(api.Description, "maximum bytes exceeded") || strings.Contains(api.Description, "maximum messages exceeded"))
}

// Letter implements cloudsvc.DeadLetterBox. What bury left before the one that
// counts, where it was broken off, would come back when that one goes.
func (l *Log) Letter(ctx context.Context, id string) (cloudsvc.KeptLetter, error) {
	last, err := l.letters.GetLastMsgForSubject(ctx, letterSubject("*", id))
	if err != nil {
		return readLetter(nil, err)
	}
	for {
		first, err := l.letters.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(last.Subject))
		if err != nil || first.Sequence >= last.Sequence {
			return readLetter(first, err)
		}
		if err := l.DropLetter(ctx, first.Sequence); err != nil {
			return cloudsvc.KeptLetter{}, err
		}
	}
}

// NextLetter implements cloudsvc.DeadLetterBox.
func (l *Log) NextLetter(ctx context.Context, subscription string, after uint64) (cloudsvc.KeptLetter, error) {
	if subscription == "" {
		subscription = "*"
	}
	for {
		msg, err := l.letters.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(letterSubject(subscription, "*")))
		if err != nil {
			return readLetter(nil, err)
		}
		last, err := l.letters.GetLastMsgForSubject(ctx, msg.Subject)
		if err == nil && last.Sequence != msg.Sequence { // bury was broken off between the two
			err = l.DropLetter(ctx, msg.Sequence)
		} else if err == nil {
			return readLetter(msg, nil)
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return readLetter(nil, err)
		}
		after = msg.Sequence
	}
}

// readLetter reads what a stream answered.
func readLetter(msg *jetstream.RawStreamMsg, err error) (cloudsvc.KeptLetter, error) {
	var kept cloudsvc.KeptLetter
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return kept, cloudsvc.ErrNoSuchLetter
	}
	if err == nil {
		kept.Place = msg.Sequence
		err = json.Unmarshal(msg.Data, &kept.DeadLetter)
	}
	if err != nil {
		return kept, fmt.Errorf("read a dead letter: %w", err)
	}
	return kept, nil
}

// DropLetter implements cloudsvc.DeadLetterBox.
func (l *Log) DropLetter(ctx context.Context, place uint64) error {
	err := l.letters.DeleteMsg(ctx, place)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		if _, gone := l.letters.GetMsg(ctx, place); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("drop the dead letter at %d: %w", place, err)
	}
	return nil
}

// DropLetters implements cloudsvc.DeadLetterBox.
func (l *Log) DropLetters(ctx context.Context, subscription string) error {
	err := l.letters.Purge(ctx, jetstream.WithPurgeSubject(letterSubject(subscription, "*")))
	if err != nil {
		return fmt.Errorf("drop the dead letters of subscription %s: %w", subscription, err)
	}
	return nil
}
