package mapper

import "testing"

func TestCheckAddresses(t *testing.T) {
	t.Parallel()
	const (
		dial = ": want tcp://host:port, such as tcp://127.0.0.1:5557, or ipc://path"
		bind = ": want tcp://host:port, such as tcp://127.0.0.1:5556, tcp://*:5556 for every interface, or ipc://path"
		web  = ": want http://host:port or https://host:port, such as http://127.0.0.1:8080"
	)
	tests := []struct {
		name    string
		check   func(string) string
		address string
		want    string
	}{
		{"dial", checkDial, "tcp://127.0.0.1:5557", ""},
		{"dial", checkDial, "tcp://[::1]:65535", ""},
		{"dial", checkDial, "ipc:///run/cloud", ""},
		{"dial", checkDial, "tcp://127.0.0.1:99999", `port "99999" is no number from 1 to 65535` + dial},
		{"dial", checkDial, "tcp://127.0.0.1:0", `port "0" is no number from 1 to 65535` + dial},
		{"dial", checkDial, "tcp://127.0.0.1:abc", `port "abc" is no number from 1 to 65535` + dial},
		{"dial", checkDial, "tcp://127.0.0.1:", `port "" is no number from 1 to 65535` + dial},
		{"dial", checkDial, "tcp://127.0.0.1", "no host:port" + dial},
		{"dial", checkDial, "tcp://:5557", "no host" + dial},
		{"dial", checkDial, "tcp://*:5557", `"*" is no host to dial` + dial},
		{"dial", checkDial, "tcp://a/b:5557", `"a/b" is no host` + dial},
		{"dial", checkDial, "udp://cloud:1", "neither tcp:// nor ipc://" + dial},
		{"dial", checkDial, "", "neither tcp:// nor ipc://" + dial},
		{"dial", checkDial, "ipc://", "no path" + dial},
		{"bind", checkBind, "tcp://*:5556", ""},
		{"bind", checkBind, "tcp://127.0.0.1:0", ""},
		{"bind", checkBind, "ipc:///run/lan", ""},
		{"bind", checkBind, "tcp://127.0.0.1:99999", `port "99999" is no number from 0 to 65535` + bind},
		{"bind", checkBind, "tcp://127.0.0.1:abc", `port "abc" is no number from 0 to 65535` + bind},
		{"bind", checkBind, "tcp://127.0.0.1", "no host:port" + bind},
		{"bind", checkBind, "tcp://:5556", "no host" + bind},
		{"http", checkHTTP, "http://127.0.0.1:8080", ""},
		{"http", checkHTTP, "https://cloud.example", ""},
		{"http", checkHTTP, "cloud", "neither http:// nor https://" + web},
		{"http", checkHTTP, "http:///path", "no host" + web},
		{"http", checkHTTP, "http://:8080", "no host" + web},
		{"http", checkHTTP, "http://cloud:80800", `port "80800" is no number from 1 to 65535` + web},
		{"http", checkHTTP, "http://cloud:abc", "no URL" + web},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.address, func(t *testing.T) {
			t.Parallel()
			if got := test.check(test.address); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
