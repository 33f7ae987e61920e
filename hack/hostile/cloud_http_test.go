package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"datastub/hack/stack"
)

// patience bounds what must happen soon, on the slowest of machines.
const patience = 60 * time.Second

// A client is a TCP connection over which anything is said.
type client struct {
	t    *testing.T
	conn *net.TCPConn
	r    *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// send sends all, or as much as the server takes. It is sent at once: what comes
// when a server has closed its end resets the connection, and its answer may be
// lost with it.
func (c *client) send(parts ...string) *client {
	_, _ = io.WriteString(c.conn, strings.Join(parts, ""))
	return c
}

// answer reads one response: status and body.
func (c *client) answer() (status int, body string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("answer %d: %v", resp.StatusCode, err)
	}
	return resp.StatusCode, string(b)
}

// header reads the header of a response that does not end.
func (c *client) header(want int) {
	c.t.Helper()
	text := textproto.NewReader(c.r)
	line, err := text.ReadLine()
	if err != nil || !strings.HasPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", want)) {
		c.t.Fatalf("got %q, %v: want status %d", line, err, want)
	}
	if _, err := text.ReadMIMEHeader(); err != nil {
		c.t.Fatal(err)
	}
}

// want reads one response and holds it against a status and a part of it.
func (c *client) want(status int, part string) {
	c.t.Helper()
	if got, body := c.answer(); got != status || !strings.Contains(body, part) {
		c.t.Errorf("got %d %.300s, want %d with %s", got, body, status, part)
	}
}

// closed waits until the server ends the connection.
func (c *client) closed() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || isTimeout(err) {
		c.t.Errorf("got %q, %v: want the end of the connection", rest, err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// post is a whole request.
func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

const head = "POST /publish HTTP/1.1\r\nHost: a\r\n"

// TestCloudHTTP attacks cloudsvc's HTTP server.
func TestCloudHTTP(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	slow := s.startSlow()
	t.Run("body", s.hostileBodies)
	t.Run("header", s.hostileHeaders)
	t.Run("framing", s.hostileFraming)
	t.Run("content", s.hostileContent)
	s.flows("while clients dawdle")
	slow()
	s.holds(1500)
}

// startSlow starts clients that dawdle: 100 of them in their header, 100 in
// their body. The returned function waits for what they are told.
func (s *siege) startSlow() (wait func()) {
	var headers, bodies []*client
	for range 100 {
		headers = append(headers, dial(s.t, s.HTTP).send("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "))
		bodies = append(bodies, dial(s.t, s.HTTP).send(head, "Content-Length: 100\r\n\r\n", `{"topic":"a",`))
	}
	return func() {
		for _, c := range headers {
			c.closed()
		}
		for _, c := range bodies {
			c.want(400, "body did not come whole within 30s")
			c.closed()
		}
	}
}

func (s *siege) hostileBodies(t *testing.T) {
	piece := strings.Repeat("1", 1<<20)
	hundred := make([]string, 100)
	chunks := make([]string, 100)
	for i := range hundred {
		hundred[i], chunks[i] = piece, fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
	}
	for name, start := range map[string]string{
		"100 MB told":   head + "Content-Length: 104857600\r\n\r\n",
		"100 MB untold": head + "Transfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.HTTP).send(start)
			parts := hundred
			if strings.Contains(start, "chunked") {
				parts = chunks
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				c.send(parts...)
			}()
			c.want(413, "the body is larger than 8388608 bytes")
			_ = c.conn.Close()
			<-sent
		})
	}
	t.Run("half, and no more to come", func(t *testing.T) {
		c := dial(t, s.HTTP).send(head, "Content-Length: 100\r\n\r\n", `{"topic":"a","value":1}`)
		_ = c.conn.CloseWrite()
		c.want(400, "body ends before the end that its header tells of")
	})
	t.Run("half, and the client leaves", func(t *testing.T) {
		for range 100 {
			_ = dial(t, s.HTTP).send(head, "Content-Length: 100\r\n\r\n", `{"topic":"a","value":1}`).conn.Close()
		}
	})
	t.Run("chunk that is none", func(t *testing.T) {
		c := dial(t, s.HTTP).send(head, "Transfer-Encoding: chunked\r\n\r\n", "zz\r\n{}\r\n0\r\n\r\n")
		c.want(400, "body cannot be read: invalid byte in chunk length")
		c.closed()
	})
	t.Run("chunk that never ends", func(t *testing.T) {
		c := dial(t, s.HTTP).send(head, "Transfer-Encoding: chunked\r\n\r\n", "ffffffffffffffff\r\n{}")
		_ = c.conn.CloseWrite()
		c.want(400, "body ends before the end that its header tells of")
	})
	t.Run("more at once than there is room for", func(t *testing.T) {
		var holders []*client // of 8 MiB less a byte each, of which there is room for 16
		stack.Eventually(t, "a body without room", func() bool {
			holders = append(holders, dial(t, s.HTTP).send(head, "Content-Length: 8388608\r\n\r\n", strings.Repeat(piece, 7), piece[1:]))
			status, body := dial(t, s.HTTP).send(post("/publish", strings.Repeat(" ", 2<<20)+`{"topic":"a","value":1}`)).answer()
			return status == 503 && strings.Contains(body, "the bodies of other requests take all the room there is")
		})
		for _, c := range holders {
			_ = c.conn.Close()
		}
		stack.Eventually(t, "room again", func() bool {
			status, _ := dial(t, s.HTTP).send(post("/publish", `{"topic":"a","value":1}`)).answer()
			return status == 202
		})
	})
}

func (s *siege) hostileHeaders(t *testing.T) {
	for name, header := range map[string]string{
		"1 MB":            "X-Large: " + strings.Repeat("x", 1<<20) + "\r\n",
		"100,000 headers": strings.Repeat("X-Many: x\r\n", 100_000),
		"a cookie jar":    "Cookie: " + strings.Repeat("a=b; ", 20_000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.HTTP).send("GET /healthz HTTP/1.1\r\nHost: a\r\n", header, "\r\n")
			c.want(431, "431 Request Header Fields Too Large")
		})
	}
	t.Run("a path of 1 MB", func(t *testing.T) {
		dial(t, s.HTTP).send("GET /", strings.Repeat("x", 1<<20), " HTTP/1.1\r\nHost: a\r\n\r\n").want(431, "Too Large")
	})
}

// hostileFraming sends what two servers in a row could take for different
// numbers of requests.
func (s *siege) hostileFraming(t *testing.T) {
	const message = `{"topic":"framing","value":1}`
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(message), message)
	for name, header := range map[string]string{
		"two lengths":               "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"a negative length":         "Content-Length: -1\r\n\r\n",
		"a length with a sign":      "Content-Length: +5\r\n\r\n",
		"a space before the colon":  "Transfer-Encoding : chunked\r\n\r\n" + chunked,
		"no Host":                   "Host: b\r\n\r\n",
		"a NUL in a header":         "X: a\x00b\r\n\r\n",
		"a line that is continued ": " folded\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.HTTP).send(head, header, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
			c.want(400, "400 Bad Request")
			c.closed() // what stands behind is no request
		})
	}
	for name, header := range map[string]string{
		"a coding nobody knows": "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"two codings":           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.HTTP).send(head, header, chunked)
			c.want(501, "Unsupported transfer encoding")
			c.closed()
		})
	}
	t.Run("chunked with a length", func(t *testing.T) {
		// RFC 9112, section 6.1: the chunks count. The length ends inside them,
		// and makes no request of their rest.
		c := dial(t, s.HTTP).send(head, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", chunked)
		c.want(202, `"ids":["http/anonymous/BT/`)
		_ = c.conn.CloseWrite()
		c.closed()
	})
	t.Run("garbage behind a request", func(t *testing.T) {
		c := dial(t, s.HTTP).send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00 garbage\r\n\r\n")
		c.want(200, `"ok"`)
		c.want(400, "400 Bad Request")
		c.closed()
	})
	t.Run("a thousand requests at once", func(t *testing.T) {
		c := dial(t, s.HTTP)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			c.send(strings.Repeat("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 1000))
		}()
		for range 1000 {
			c.want(200, `"ok"`)
		}
		<-sent
	})
}

func (s *siege) hostileContent(t *testing.T) {
	long := strings.Repeat("x", 257)
	publish := func(topic string) string { return `{"topic":"` + topic + `","value":1}` }
	subscribe := func(topic string) string { return `{"topic":"` + topic + `"}` }
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, tt := range []struct {
		name, path, body string
		want             string // of the detail, as JSON has it
	}{
		{"depth of 10,000", "/publish", `{"topic":"a","value":` + deep + `}`, "too deeply nested at byte"},
		{"depth of 10,000 in an array", "/publish", "[" + deep + "]", "too deeply nested at byte"},
		{"depth of 10,000, never closed", "/publish", strings.Repeat(`{"a":`, 10_001), "too deeply nested at byte"},
		{"depth of 10,000 to subscribe", "/subscribe", `{"topic":` + deep + `}`, "too deeply nested at byte"},
		{"empty level", "/publish", publish("a//b"), `topic \"a//b\" has an empty level: want levels split by one \"/\"`},
		{"empty topic", "/publish", publish(""), "topic is empty"},
		{"wildcard +", "/publish", publish("a/+"), `topic \"a/+\" has '+' at byte 2: wildcards, spaces and control characters are not allowed`},
		{"wildcard #", "/publish", publish("#"), `topic \"#\" has '#' at byte 0: wildcards, spaces and control characters are not allowed`},
		{"NUL", "/publish", publish(`a\u0000b`), `topic \"a\\x00b\" has '\\x00' at byte 1`},
		{"257 bytes", "/publish", publish(long), `… is 257 bytes long: the most is 256`},
		{"no UTF-8", "/publish", publish("a\xff\xfe"), "body is not JSON: byte 11 is not UTF-8"},
		{"half a rune at the end", "/subscribe", subscribe("a") + "\xe2\x82", "body is not JSON: byte 13 is not UTF-8"},
		{"events", "/publish", publish("$events/x"), `begins with \"$\", which is kept for events`},
		{"class FAST", "/publish", `{"topic":"a","value":1,"class":"FAST"}`, `class \"FAST\" is not RT or BT`},
		{"a key twice", "/publish", `{"topic":"a","topic":"b","value":1}`, "topic is given twice: want it once"},
		{"a key twice, once escaped", "/publish", `{"topic":"a","\u0074opic":"b","value":1}`, "topic is given twice: want it once"},
		{"65 keys", "/publish", `{"topic":"a"` + strings.Repeat(`,"x":1`, 65) + `}`, "message has more than 64 fields"},
		{"100,000 messages", "/publish", "[" + strings.Repeat("{},", 99_999) + "{}]", "more than 10000 messages: publish them in several requests"},
		{"10,000 wrong messages", "/publish", "[" + strings.Repeat("{},", 9_999) + "{}]", `"more":19900`},
		{"a number that is none", "/publish", `{"topic":"a","value":1e999999}`, "want a number within the range of type double"},
		{"a number of 1 MB", "/publish", `{"topic":"a","value":` + strings.Repeat("9", 1<<20) + `}`, "want a whole number from -2^63 to 2^64-1 for type int"},
		{"subscribe to an empty level", "/subscribe", subscribe("a//b"), `filter \"a//b\" has an empty level`},
		{"subscribe to half a level", "/subscribe", subscribe("a/b+"), `filter \"a/b+\" has a wildcard inside the level \"b+\": it must be the whole level`},
		{"subscribe to # inside", "/subscribe", subscribe("#/a"), `filter \"#/a\" has \"#\" before its end: it is the last level or none`},
		{"subscribe to NUL", "/subscribe", subscribe(`\u0000`), `has '\\x00' at byte 0`},
		{"subscribe to 771 bytes", "/subscribe", subscribe(strings.Repeat("x", 771)), "is 771 bytes long: the most is 770"},
		{"register 300,000 topics", "/register", `{"id":"a","topics":[` + strings.Repeat("1,", 299_999) + `1]}`, "topics has more than 10000 elements"},
		{"register a bad id", "/register", `{"id":"a\u0000","topics":["../a//"]}`, `id \"a\\x00\" has`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.HTTP).send(post(tt.path, tt.body))
			c.want(400, tt.want)
		})
	}
	t.Run("dots are a name like others", func(t *testing.T) {
		// No topic becomes a path anywhere.
		dial(t, s.HTTP).send(post("/publish", publish("../../etc/passwd"))).want(202, `"ids":["http/`)
	})
	t.Run("a query nobody knows", func(t *testing.T) {
		dial(t, s.HTTP).send("GET /discover?topics=a HTTP/1.1\r\nHost: a\r\n\r\n").
			want(400, `\"topics\" is no known parameter: want topic`)
	})
}
