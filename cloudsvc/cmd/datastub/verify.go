package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

// verifyTimeout is how long cloudsvc may take to read its log.
const verifyTimeout = 60 * time.Second

// A verify is what the command line asks for.
type verify struct {
	publisher string
	received  string        // a file's name, or "-"
	listen    time.Duration // 0: not
}

func newVerify(a *app) *cobra.Command {
	v := &verify{}
	var output *format
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that nothing is missing",
		Long: `verify has cloudsvc read its log, and prints for each publisher, class and epoch (a
start of the publisher) what is proven: that each message that was accepted is
stored once and in order, or told to be lost.

  proven    it is, up to the end that the publisher told
  open      it is so far; the publisher runs, and may have some on the way
  unproven  nothing is missing, but nobody knows how the epoch ended: a mapper
            without a spool on disk was killed, or power was lost
  missing, twice, late
            messages are missing, stored twice or out of order, which must never be

With --received, or --for, it proves delivery, too: what a subscription to # got,
of each publisher from the first message to the last, is what is stored.

Exit status 1 says that something is missing, twice or out of order.`,
		Example: `  datastub verify
  datastub verify --publisher edge-1/mapper -o json
  datastub verify --for 5s
  datastub subscribe '#' --count 100 -o json > got.ndjson && datastub verify --received got.ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := v.validate(cmd); err != nil {
				return usageError{err}
			}
			return v.run(cmd.Context(), a, *output)
		},
	}
	output = addFormat(cmd)
	cmd.Flags().StringVar(&v.publisher, "publisher", "", "only this `publisher`'s, such as edge-1/mapper")
	cmd.Flags().StringVar(&v.received, "received", "", "`file` with the lines that a subscription to # got; - is standard input")
	cmd.Flags().DurationVar(&v.listen, "for", 0, "subscribe to # for this `time`, and verify what comes")
	completeFlag(cmd, "publisher")
	completeFlag(cmd, "for")
	return cmd
}

func (v *verify) validate(cmd *cobra.Command) error {
	if v.publisher != "" {
		if err := dataplane.ValidatePublisher(v.publisher); err != nil {
			return fmt.Errorf("--publisher: %w", err)
		}
	}
	switch given := cmd.Flags().Changed; {
	case given("received") && given("for"):
		return errors.New("--received and --for: want one of them")
	case given("received") && v.received == "":
		return errors.New("--received is empty: want a file, or - for standard input")
	case given("for") && v.listen <= 0:
		return fmt.Errorf("--for %v: want more than 0s, such as 30s", v.listen)
	}
	return nil
}

// run gathers what was received, has the log read after it, and prints what is
// proven.
func (v *verify) run(ctx context.Context, a *app, output format) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	received, err := v.gather(ctx, a, c)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: nothing was verified", errInterrupted)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, verifyTimeout, fmt.Errorf("no answer within %v", verifyTimeout))
	defer cancel()
	l, err := c.Ledger(ctx, v.publisher)
	if err != nil {
		return err
	}
	p := newProof(l, received)
	if err := output.print(a.out, p, p.table); err != nil {
		return err
	}
	if output == formatTable {
		fmt.Fprintln(a.out, p.Verdict)
	}
	return p.err()
}

// gather returns what a subscriber got, nil where nobody asked for that.
func (v *verify) gather(ctx context.Context, a *app, c *client.Client) (*ledger.Received, error) {
	switch {
	case v.received != "":
		return v.readReceived(a)
	case v.listen > 0:
		return v.subscribe(ctx, a, c)
	}
	return nil, nil
}

// A proof is what verify prints.
type proof struct {
	ledger.Ledger
	Received *receivedProof `json:"received,omitempty"`
	Verdict  string         `json:"verdict"` // in one line
	broken   bool
}

// receivedProof is what is proven of what a subscriber got.
type receivedProof struct {
	Messages int            `json:"messages"`
	Faults   []ledger.Fault `json:"faults"`
}

func newProof(l ledger.Ledger, received *ledger.Received) *proof {
	p := &proof{Ledger: l}
	verdicts := make(map[ledger.Verdict]int)
	var onTheWay, lost uint64
	for i := range l.Accounts {
		for j := range l.Accounts[i].Epochs {
			e := &l.Accounts[i].Epochs[j]
			verdicts[e.Verdict]++
			onTheWay += e.OnTheWay
			lost += e.Lost
			p.broken = p.broken || e.Verdict.Broken()
		}
	}
	var parts []string
	for _, v := range []ledger.Verdict{ledger.Missing, ledger.Twice, ledger.Late, ledger.Proven, ledger.Open, ledger.Unproven} {
		if n := verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no epoch in the log"}
	}
	p.Verdict = strings.Join(parts, ", ") + fmt.Sprintf("; %d told to be lost, %d on the way", lost, onTheWay)
	for _, c := range dataplane.Classes {
		r := l.Log[c]
		if !r.Complete() {
			p.Verdict += fmt.Sprintf("; %v was read to block %d of %d only: %s", c, r.Read, r.Last, r.Reason)
		}
		if n := len(r.Corrupt); n > 0 {
			p.Verdict += fmt.Sprintf("; %d blocks of %v cannot be read, the first is %d", n, c, r.Corrupt[0])
		}
	}
	if received != nil {
		p.Received = &receivedProof{Messages: received.Count(), Faults: received.Check(&l)}
		p.broken = p.broken || len(p.Received.Faults) > 0
		p.Verdict += fmt.Sprintf("; %d received, %d wrong", p.Received.Messages, len(p.Received.Faults))
	}
	return p
}

// err tells what must never be, nil if it is not.
func (p *proof) err() error {
	if !p.broken {
		return nil
	}
	return errors.New("something is missing, twice or out of order: see the lines above; " +
		"keep cloudsvc's data folder, the spools and the logs of both programs, as they show where it went")
}

// table writes a line an epoch, and one for each fault of what was received.
func (p *proof) table(w io.Writer) {
	fmt.Fprintln(w, "PUBLISHER\tCLASS\tEPOCH\tACCEPTED\tSTORED\tLOST\tTRIMMED\tVERDICT\tDETAIL")
	for i := range p.Accounts {
		a := &p.Accounts[i]
		for j := range a.Epochs {
			e := &a.Epochs[j]
			accepted := "?"
			if e.Accepted != nil {
				accepted = fmt.Sprint(*e.Accepted)
			}
			fmt.Fprintf(w, "%s\t%v\t%d\t%s\t%d\t%d\t%d\t%s\t%s\n", printable(a.Publisher), a.Class, e.Epoch, accepted,
				e.Stored, e.Lost, e.Trimmed, e.Verdict, epochDetail(e))
		}
	}
	if p.Received == nil {
		return
	}
	for _, f := range p.Received.Faults {
		fmt.Fprintf(w, "%s\n", printable(fmt.Sprintf("%s: %s/%v/%d/%v", f.Kind, f.Publisher, f.Class, f.Epoch, f.Span)))
	}
}

func epochDetail(e *ledger.Epoch) string {
	if e.OnTheWay > 0 && e.Detail == "" {
		return fmt.Sprintf("%d on the way", e.OnTheWay)
	}
	return orDash(e.Detail)
}
