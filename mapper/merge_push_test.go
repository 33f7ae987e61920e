package mapper

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMergePush(t *testing.T) {
	t.Parallel()
	const at = "spec.properties[door].pushMethod."
	const hosts = "want a host such as http://app.example.com or 192.168.0.1, without port and path"
	const brokers = "want an address such as mqtt://192.168.0.1:1883, with mqtt, tcp, mqtts, ssl, tls, ws or wss, or zmq:// for the data plane"
	tests := map[string]struct {
		method string
		want   Push
		errs   []string
	}{
		"none": {"{}", Push{}, nil},
		"HTTP": {
			"{http: {hostName: 'http://app.example.com', port: 8080, requestPath: '/values?k=1', timeout: 3}}",
			Push{HTTP: &PushHTTP{URL: "http://app.example.com:8080/values?k=1", Timeout: 3 * time.Second}}, nil,
		},
		"HTTP without a scheme and a slash, in milliseconds": {
			"{http: {hostName: 10.0.0.1, port: 80, requestPath: values, timeout: 5000}}",
			Push{HTTP: &PushHTTP{URL: "http://10.0.0.1:80/values", Timeout: maxPushTimeout}}, nil,
		},
		"HTTPS with a password": {
			"{http: {hostName: 'https://u:s3cret@[::1]', port: 443}}",
			Push{HTTP: &PushHTTP{URL: "https://u:s3cret@[::1]:443/"}}, nil,
		},
		"MQTT": {
			"{mqtt: {address: 'mqtt://u:s3cret@Broker:1884/', topic: a/b c, qos: 2, retained: true}}",
			Push{MQTT: &PushMQTT{Broker: "tcp://u:s3cret@broker:1884", Topic: "a/b c", QoS: 2, Retained: true}}, nil,
		},
		"MQTT without a scheme and a port": {
			"{mqtt: {address: '127.0.0.1', topic: a}}",
			Push{MQTT: &PushMQTT{Broker: "tcp://127.0.0.1:1883", Topic: "a"}}, nil,
		},
		"MQTT over TLS and WebSocket": {
			"{mqtt: {address: 'wss://broker/mqtt?x=1', topic: a}}",
			Push{MQTT: &PushMQTT{Broker: "wss://broker:443/mqtt?x=1", Topic: "a"}}, nil,
		},
		"both, and the data plane": {
			"{http: {hostName: a, port: 1}, mqtt: {address: 'zmq://any', topic: t}}",
			Push{HTTP: &PushHTTP{URL: "http://a:1/"}}, nil,
		},
		"one is wrong, the other holds": {
			"{http: {hostName: a, port: 65536}, mqtt: {address: 'tls://b', topic: t}}",
			Push{MQTT: &PushMQTT{Broker: "ssl://b:8883", Topic: "t"}},
			[]string{at + "http.port: Invalid value: 65536: want 1 to 65535"},
		},
		"HTTP, all wrong": {
			`{http: {hostName: "ftp://u:s3cret@host", requestPath: "/%zz?k=s3cret", timeout: -1}}`, Push{},
			[]string{
				at + `http.hostName: Invalid value: "ftp://…@host": ` + hosts,
				at + "http.port: Invalid value: 0: want 1 to 65535",
				at + "http.timeout: Invalid value: -1: want seconds, 1 or more, or 0 for the default",
				at + `http.requestPath: Invalid value: "/%zz": want the path of a URL, such as /values`,
			},
		},
		"HTTP, a port twice": {
			"{http: {hostName: 'http://host:80', port: 80}}", Push{},
			[]string{at + `http.hostName: Invalid value: "http://host:80": ` + hosts},
		},
		"MQTT, all wrong": {
			"{mqtt: {address: 'amqp://u:s3cret@host', topic: a/#, qos: 3}}", Push{},
			[]string{
				at + `mqtt.address: Invalid value: "amqp://…@host": ` + brokers,
				at + `mqtt.topic: Invalid value: "a/#": want a topic to publish to, without the wildcards + and #`,
				at + "mqtt.qos: Invalid value: 3: want 0, 1 or 2",
			},
		},
		"MQTT, a slash is missing": {
			"{mqtt: {address: 'zmq:/app', topic: a}}", Push{},
			[]string{at + `mqtt.address: Invalid value: "zmq:/app": ` + brokers},
		},
		"MQTT, nothing said": {
			"{mqtt: {}}", Push{},
			[]string{
				at + "mqtt.address: Required value: " + brokers,
				at + "mqtt.topic: Required value: want the topic to publish to",
			},
		},
		"MQTT, no port": {
			"{mqtt: {address: 'u:s3cret@host:0', topic: a}}", Push{},
			[]string{at + `mqtt.address: Invalid value: "…@host:0": ` + brokers},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, errs := mergeYAML(t, silo+`
spec:
  deviceModelRef: {name: silo}
  protocol: {}
  properties:
  - {name: door, pushMethod: `+test.method+`}
`)
			if !reflect.DeepEqual(errs, test.errs) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(errs, "\n"), strings.Join(test.errs, "\n"))
			}
			if len(spec.Properties) != 1 {
				t.Fatalf("got %d properties, want the one", len(spec.Properties))
			}
			if got := spec.Properties[0].Push; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got HTTP %+v, MQTT %+v; want %+v, %+v", got.HTTP, got.MQTT, test.want.HTTP, test.want.MQTT)
			}
			for _, fault := range spec.Faults {
				if fault.Property != "door" {
					t.Errorf("fault of %q, want door: %v", fault.Property, fault)
				}
			}
		})
	}
}

// What is pushed by nobody is told, once a property.
func TestUnpushed(t *testing.T) {
	t.Parallel()
	objects, problems := Decode("f.yaml", []byte(silo+`
spec:
  deviceModelRef: {name: silo}
  protocol: {}
  properties:
  - {name: door, pushMethod: {http: {hostName: a, port: 1}, mqtt: {address: b, topic: t}}}
  - {name: level, pushMethod: {otel: {endpointURL: 'http://otel:4318'}, dbMethod: {redis: {redisClientConfig: {addr: redis}}}}}
  - name: the mode/1
    pushMethod:
      dbMethod: {influxdb2: {influxdb2ClientConfig: {url: u}}, TDEngine: {TDEngineClientConfig: {addr: a}}, mysql: {mysqlClientConfig: {addr: a}}}
      anomalyDetection: {anything: 1}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	_, errs, warnings := Assemble(&objects.Devices[0], &objects.Models[0], DefaultRules(), vetNothing)
	if len(errs) > 0 {
		t.Error(errs)
	}
	const instead = ": subscribe to the property's topic at cloudsvc instead, with a callback (POST /subscribe?topic=TOPIC&callback=URL)" +
		" or by a program (datastub subscribe TOPIC | PROGRAM), and write there"
	want := []string{
		"spec.properties[level].pushMethod: nothing is pushed by otel, dbMethod.redis" + instead,
		"spec.properties[the mode/1].pushMethod: nothing is pushed by dbMethod.influxdb2, dbMethod.TDEngine, dbMethod.mysql, anomalyDetection" + instead,
	}
	var got []string
	for _, warning := range warnings {
		got = append(got, warning.Error())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
