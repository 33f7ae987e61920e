package dmi

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"k8s.io/klog/v2"

	"datastub/mapper"
)

const (
	// settle is how long a registration that was asked for waits: what asks for
	// one seldom comes alone.
	settle = 500 * time.Millisecond
	// bereavement is how long a device may stay after its model was removed
	// before EdgeCore is asked about it: the two calls come together.
	bereavement = 5 * time.Second
	// minRetry and maxRetry bound the pause after a registration that failed,
	// which doubles each time.
	minRetry = time.Second
	maxRetry = 30 * time.Second
)

// A registrar tells EdgeCore of the mapper, for one protocol, over and over:
// EdgeCore before 1.23 forgets it at a restart, and calls that failed are made
// up for by its answer alone.
type registrar struct {
	mapper.Registration
	version, apiVersion string
	every               time.Duration
	edge                *edge
	pacer               *pacer
	roster              *roster
	witness             Witness
	logger              klog.Logger
	asked               chan struct{} // holds one: register soon
	inquired            chan struct{} // holds one: register if devices without a model stay

	retry   time.Duration // the pause after the last try, if that came to nothing
	failed  string        // why the last try came to nothing; "" if it did not
	first   bool          // no try has succeeded yet
	missing []mapper.Key
}

// ask has the registration repeated soon.
func (r *registrar) ask() {
	select {
	case r.asked <- struct{}{}:
	default: // it is asked for already
	}
}

// inquire has the registration repeated if devices stay whose model was removed.
func (r *registrar) inquire() {
	select {
	case r.inquired <- struct{}{}:
	default:
	}
}

// answerInquiries asks for registrations where inquiries find devices, until ctx
// ends. Devices that are removed in order, however many, cost none.
func (r *registrar) answerInquiries(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.inquired:
		}
		timer := time.NewTimer(bereavement)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if r.roster.anyBereft(r.Protocol) {
			r.ask()
		}
	}
}

// run registers until ctx ends.
func (r *registrar) run(ctx context.Context) {
	for {
		err := r.register(ctx)
		if !r.pause(ctx, r.pauseAfter(err)) {
			return
		}
	}
}

// pauseAfter returns how long to wait after a try.
func (r *registrar) pauseAfter(err error) time.Duration {
	if err != nil {
		r.retry = min(max(2*r.retry, minRetry), maxRetry)
		return r.retry/2 + rand.N(r.retry/2)
	}
	r.retry = 0
	if len(r.missing) > 0 { // are they gone?
		return r.every / minAbsent
	}
	return r.every + rand.N(r.every/6+1)
}

// pause waits until the next try is due, and tells whether there is to be one.
func (r *registrar) pause(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-r.asked:
	}
	timer.Reset(settle)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		select {
		case <-r.asked: // it will have been answered, too
		default:
		}
		return true
	}
}

// register registers once, and takes what EdgeCore answers.
func (r *registrar) register(ctx context.Context) error {
	if err := r.pacer.wait(ctx, forRegistration); err != nil {
		return err
	}
	asked := time.Now()
	answer, err := r.edge.Register(ctx, &pb.MapperRegisterRequest{
		WithData: true, // without, EdgeCore notes the mapper and never calls it
		Mapper: &pb.MapperInfo{
			Name: r.Name, Version: r.version, ApiVersion: r.apiVersion, Protocol: r.Protocol,
			Address: []byte(r.Socket), State: "ok",
		},
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errTooMany) {
		r.pacer.refused()
	}
	if err != nil {
		r.roster.doubt(r.Protocol)
		r.witness.Refused(r.Protocol, err)
		r.tellFailure(err)
		return err
	}
	missing, removed := r.roster.take(r.Protocol, asked, answer, r.every)
	r.witness.Registered(r.Protocol, time.Now())
	r.witness.Missing(r.Protocol, missing)
	r.tellSuccess(len(answer.GetDeviceList()), missing, removed)
	return nil
}

// tellFailure logs why EdgeCore cannot be asked, once for each reason.
func (r *registrar) tellFailure(err error) {
	if err.Error() == r.failed {
		return
	}
	r.failed = err.Error()
	r.logger.Error(err, "EdgeCore does not take the mapper in: tried again, and the devices that are known go on", "protocol", r.Protocol)
}

// tellSuccess logs the first registration of all and after a failure, and what
// EdgeCore lacks when that has changed.
func (r *registrar) tellSuccess(devices int, missing, removed []mapper.Key) {
	if r.failed != "" || r.first {
		r.logger.Info("EdgeCore has taken the mapper in", "protocol", r.Protocol, "name", r.Name, "devices", devices)
	}
	r.failed, r.first = "", false
	for _, key := range removed {
		r.logger.Info("Device is removed: EdgeCore has not listed it for a minute and more. It was deleted, or its configData has a map, a list or a null", "device", key.String())
	}
	switch {
	case slices.Equal(missing, r.missing):
	case len(missing) == 0:
		r.logger.Info("EdgeCore lists all devices that run here", "protocol", r.Protocol)
	default:
		r.logger.Info("EdgeCore does not list devices that run here: they go on, and are removed if that lasts", "protocol", r.Protocol, "devices", names(missing[:min(len(missing), maxProblems)]), "count", len(missing))
	}
	r.missing = missing
}

func names(keys []mapper.Key) []string {
	var names []string
	for _, key := range keys {
		names = append(names, key.String())
	}
	return names
}
