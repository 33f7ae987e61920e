package webhook

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswers has receivers answer in every way that may do harm, under the
// bubble's clock: each try ends with its verdict, in time, and reads little.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, test := range []struct {
		name   string
		answer func(w io.Writer)
		want   Verdict
		status int
		within time.Duration
	}{
		{"204", say("HTTP/1.1 204 No Content\r\n\r\n"), Done, 204, 0},
		{"304", say("HTTP/1.1 304 Not Modified\r\n\r\n"), Refused, 304, 0},
		{"nothing at all", func(io.Writer) {}, Retry, 0, TryTime},
		{"half a status line", say("HTTP/1.1 20"), Retry, 0, TryTime},
		{"half a header", say(ok + "Content-"), Retry, 0, TryTime},
		{"slow header", drip(ok+"X-Slow: ", "x", time.Second), Retry, 0, TryTime},
		{"slow body", drip(ok+"Content-Length: 100\r\n\r\n", "x", time.Second), Done, 200, TryTime},
		{"slow refusal", drip("HTTP/1.1 400 Bad Request\r\n\r\n", "x", time.Second), Refused, 400, TryTime},
		{"endless header", drip(ok+"X-Long: ", "x", 0), Retry, 0, 0},
		{"endless headers", drip(ok, "X-Many: 1\r\n", 0), Retry, 0, 0},
		{"endless body", drip("HTTP/1.1 500 Oh no\r\n\r\n", "x", 0), Retry, 500, 0},
		{"endless chunks", drip(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 0), Done, 200, 0},
		{"endless chunk extension", drip(ok+"Transfer-Encoding: chunked\r\n\r\n1;", "x", 0), Done, 200, 0},
		{"1xx without end", drip("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0), Retry, 0, 0},
		{"slow 1xx without end", drip("", "HTTP/1.1 100 Continue\r\n\r\n", time.Second), Retry, 0, TryTime},
		{"another protocol", say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), Refused, 101, 0},
		{"negative length", say(ok + "Content-Length: -1\r\n\r\n"), Retry, 0, 0},
		{"two lengths", say(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), Retry, 0, 0},
		{"no status", say("HTTP/1.1 OK\r\n\r\n"), Retry, 0, 0},
		{"status of four digits", say("HTTP/1.1 2000 OK\r\n\r\n"), Retry, 0, 0},
		{"header without a name", say(ok + ": x\r\n\r\n"), Retry, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, said := newPipedSender(t, test.answer)
				defer s.Close()
				began := time.Now()
				o := send(t, s, "http://app.example.com/")
				if took := time.Since(began); o.Verdict != test.want || o.Status != test.status || took > test.within {
					t.Errorf("%v, %d (%s) after %v, want %v, %d within %v", o.Verdict, o.Status, o.Reason, took, test.want, test.status, test.within)
				}
				time.Sleep(2 * time.Second)                                              // the receiver sees that the sender has left
				if most := int64(maxHeader + 8*(maxHead+maxDrain)); said.Load() > most { // chunks of one byte have six
					t.Errorf("%d bytes were read of the answer, want %d at most", said.Load(), most)
				}
			})
		})
	}
}

// A context that ends while the rest of an answer is read changes nothing: the
// receiver has the message, and is not to get it again.
func TestAnswerOutlivesItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newPipedSender(t, say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o, err := s.Send(ctx, &Request{URL: "http://app.example.com/", ID: "7", Body: body})
		if err != nil || o.Verdict != Done || string(o.Head) != "half" {
			t.Errorf("%v %q, %v, want done", o.Verdict, o.Head, err)
		}
	})
}

// Tries that are broken off are no failures of their host.
func TestBrokenOffTriesBreakNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newPipedSender(t, func(io.Writer) {})
		defer s.Close()
		for range 2 * breakAfter {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Send(ctx, &Request{URL: "http://app.example.com/", ID: "7", Body: body}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send: %v, want %v", err, context.DeadlineExceeded)
			}
			cancel()
		}
		if o := send(t, s, "http://app.example.com/"); o.Verdict != Retry || !o.Sent() {
			t.Errorf("%v (%s), want a try", o.Verdict, o.Reason)
		}
	})
}

// HTTP/2 has the same limits.
func TestAnswersByHTTP2(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   Verdict
	}{
		{"200", status(200, "thanks"), Done},
		{"307", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, Refused},
		{"endless body", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := io.WriteString(w, "xxxxxxxxxxxxxxxx"); err != nil {
					return // the sender has enough of it
				}
			}
		}, Done},
		{"large header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeader))
		}, Retry},
		{"broken off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Retry},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("the receiver is spoken to by %s, want HTTP/2", r.Proto)
				}
				test.answer(w, r)
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			s, err := NewSender(SenderOptions{
				Dial: Guard(anywhere{}).DialContext, Agent: "datastub-test", Origin: "datastub.test",
				Roots: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if o := send(t, s, server.URL); o.Verdict != test.want {
				t.Errorf("%v (%s), want %v", o.Verdict, o.Reason, test.want)
			}
		})
	}
}

// newPipedSender returns a sender whose receivers read a request each and answer,
// and tells how many bytes were read of their answers.
func newPipedSender(t *testing.T, answer func(w io.Writer)) (s *Sender, said *atomic.Int64) {
	t.Helper()
	said = new(atomic.Int64)
	s, err := NewSender(SenderOptions{
		Agent: "datastub-test", Origin: "datastub.test",
		Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				buffered := bufio.NewReader(there)
				request, err := http.ReadRequest(buffered)
				if err == nil {
					_, err = io.Copy(io.Discard, request.Body)
				}
				if err != nil {
					return
				}
				answer(io.MultiWriter(there, (*counter)(said)))
				_, _ = io.Copy(io.Discard, buffered) // until the sender leaves
			}()
			return here, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, said
}

// counter counts the bytes that are written to it.
type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}

// say answers with a text, and keeps the connection.
func say(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) }
}

// drip answers with a text, and then with another one again and again.
func drip(begin, again string, every time.Duration) func(io.Writer) {
	return func(w io.Writer) {
		for _, err := fmt.Fprint(w, begin); err == nil; _, err = fmt.Fprint(w, again) {
			time.Sleep(every) // the bubble's clock
		}
	}
}
