package cloudsvc

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A setting is one field of Config, and how the YAML file, the environment and
// the command line name it. All three give it as text. A list may be a
// sequence in the file and a flag that is repeated; its text has commas
// between its values. What is made of several fields is YAML everywhere.
type setting struct {
	key, flag, env string
	usage          string
	list           bool
	yaml           bool   // the text is YAML, of any kind
	example        string // a value that is right
	set            func(c *Config, text string) error
	get            func(c *Config) string
}

const (
	configFlag = "config"
	configEnv  = "DATASTUB_CONFIG"
)

// settings lists every field of Config.
var settings = [...]setting{
	textSetting("http", "http", "DATASTUB_HTTP", "127.0.0.1:8080", "serve HTTP at this `host:port`",
		func(c *Config) *string { return &c.HTTP }),
	textSetting("uplink", "uplink", "DATASTUB_UPLINK", "tcp://127.0.0.1:5557", "take publishers in at this tcp:// `URL`",
		func(c *Config) *string { return &c.Uplink }),
	textSetting("data", "data", "DATASTUB_DATA", "cloudsvc-data", "keep the embedded log in this `folder`; means nothing with --nats-url",
		func(c *Config) *string { return &c.Data }),
	syncSetting("sync", "sync", "DATASTUB_SYNC", "sync the embedded log to disk `always`, before a message counts as stored, or every 1s: then a loss of power, and nothing less, takes the last second of what was stored, which mappers keep for 5 s and send again, and POST /publish has answered for",
		func(c *Config) *Sync { return &c.Sync }),
	retentionSetting("retention", "retention", "DATASTUB_RETENTION", "how long what is kept, a `YAML` list such as "+retentionExample+": the first rule whose topics match is the one, # in the last is what no other matches; what a rule leaves out, and all without rules, is 7d and 1Gi a class, or as the servers of --nats-url say",
		func(c *Config) *[]RetentionRule { return &c.Retention }),
	lettersSetting("deadLetters", "dead-letters", "DATASTUB_DEAD_LETTERS", "how long what receivers of webhooks did not take is kept, a `YAML` map such as "+letterExample+", which is what is left out unless the disk is small; the oldest go first",
		func(c *Config) *LetterRetention { return &c.DeadLetters }),
	textSetting("natsURL", "nats-url", "DATASTUB_NATS_URL", "nats://127.0.0.1:4222", "keep the log at these NATS servers instead of --data; `URL`s with commas between them",
		func(c *Config) *string { return &c.NATSURL }),
	prefixesSetting("webhookAllow", "webhook-allow", "DATASTUB_WEBHOOK_ALLOW", "let what is registered over HTTP have cloudsvc dial these private, loopback or other special addresses, a `CIDR`; may be repeated",
		func(c *Config) *[]netip.Prefix { return &c.WebhookAllow }),
	textSetting("webhookOrigin", "webhook-origin", "DATASTUB_WEBHOOK_ORIGIN", "datastub.example.com", "tell receivers of webhooks this DNS `name` of who sends: those that ask for a handshake of CloudEvents consent to it",
		func(c *Config) *string { return &c.WebhookOrigin }),
	textSetting("webhookCA", "webhook-ca", "DATASTUB_WEBHOOK_CA", "/etc/datastub/ca.pem", "trust receivers of webhooks for whom a certificate in this PEM `file` vouches, besides those whom the system trusts",
		func(c *Config) *string { return &c.WebhookCA }),
	durationSetting("natsSyncInterval", "nats-sync-interval", "DATASTUB_NATS_SYNC_INTERVAL", "how often the servers of --nats-url sync to disk, a `duration`; messages count as durable only after it",
		func(c *Config) *time.Duration { return &c.NATSSyncInterval }),
}

func textSetting(key, flag, env, example, usage string, field func(*Config) *string) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: example,
		set: func(c *Config, text string) error { *field(c) = text; return nil },
		get: func(c *Config) string { return *field(c) },
	}
}

func syncSetting(key, flag, env, usage string, field func(*Config) *Sync) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: string(SyncAlways),
		set: func(c *Config, text string) error { *field(c) = Sync(text); return nil },
		get: func(c *Config) string { return string(cmp.Or(*field(c), SyncAlways)) },
	}
}

func retentionSetting(key, flag, env, usage string, field func(*Config) *[]RetentionRule) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: retentionExample, yaml: true,
		set: func(c *Config, text string) (err error) {
			*field(c), err = parseRetention(text)
			return err
		},
		get: func(c *Config) string { return formatRetention(*field(c)) },
	}
}

func lettersSetting(key, flag, env, usage string, field func(*Config) *LetterRetention) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: letterExample, yaml: true,
		set: func(c *Config, text string) (err error) {
			*field(c), err = parseLetters(text)
			return err
		},
		get: func(c *Config) string { return field(c).String() },
	}
}

func durationSetting(key, flag, env, usage string, field func(*Config) *time.Duration) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: "2m",
		set: func(c *Config, text string) error {
			d, err := time.ParseDuration(text)
			if err != nil {
				return fmt.Errorf("%q is no duration: want a number and a unit, such as 2m", text)
			}
			*field(c) = d
			return nil
		},
		get: func(c *Config) string { return field(c).String() },
	}
}

func prefixesSetting(key, flag, env, usage string, field func(*Config) *[]netip.Prefix) setting {
	return setting{
		key: key, flag: flag, env: env, usage: usage, example: "10.0.0.0/8", list: true,
		set: func(c *Config, text string) (err error) {
			*field(c), err = ParsePrefixes(text)
			return err
		},
		get: func(c *Config) string {
			var texts []string
			for _, prefix := range *field(c) {
				texts = append(texts, prefix.String())
			}
			return strings.Join(texts, ",")
		},
	}
}

// add adds the flag.
func (s *setting) add(flags *pflag.FlagSet, defaults *Config) {
	usage := s.usage + " (" + s.env + ")"
	if s.list {
		flags.StringSlice(s.flag, nil, usage)
		return
	}
	flags.String(s.flag, s.get(defaults), usage)
}

// flagText returns what a flag was given.
func flagText(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return f.Value.String()
}

// AddConfigFlags adds a flag for each field of Config, and --config.
func AddConfigFlags(flags *pflag.FlagSet) {
	flags.String(configFlag, "", "read a YAML `file`; the environment ("+configEnv+" and the like) and flags win over it")
	defaults := DefaultConfig()
	for _, s := range settings {
		s.add(flags, &defaults)
	}
}

// LoadConfig puts a Config together from the file, the environment, as
// os.LookupEnv gives it, and the flags of AddConfigFlags, which must be
// parsed. The error has every problem of every source.
func LoadConfig(flags *pflag.FlagSet, lookupEnv func(string) (string, bool)) (Config, error) {
	c := DefaultConfig()
	var errs []error
	if path := configFile(flags, lookupEnv); path != "" {
		errs = append(errs, c.readFile(path))
	}
	for _, s := range settings {
		errs = append(errs, c.override(s, flags, lookupEnv))
	}
	errs = append(errs, c.Validate())
	return c, errors.Join(errs...)
}

// override takes one setting from the environment, or from its flag.
func (c *Config) override(s setting, flags *pflag.FlagSet, lookupEnv func(string) (string, bool)) error {
	if f := flags.Lookup(s.flag); f != nil && f.Changed {
		if err := s.set(c, flagText(f)); err != nil {
			return fmt.Errorf("flag --%s: %w", s.flag, err)
		}
		return nil
	}
	if text, ok := lookupEnv(s.env); ok && text != "" { // empty is as good as not set
		if err := s.set(c, text); err != nil {
			return fmt.Errorf("environment variable %s: %w", s.env, err)
		}
	}
	return nil
}

// configFile returns the file that the command line or the environment names.
func configFile(flags *pflag.FlagSet, lookupEnv func(string) (string, bool)) string {
	if f := flags.Lookup(configFlag); f != nil && f.Changed {
		return f.Value.String()
	}
	path, _ := lookupEnv(configEnv)
	return path
}
