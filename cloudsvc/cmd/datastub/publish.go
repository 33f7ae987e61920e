package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

// newMessage is what the command line says of a message.
type newMessage struct {
	topic, value                                       string
	device, namespace, property, class, unit, typeName string
}

func newPublish(a *app) *cobra.Command {
	var m newMessage
	var output *format
	ofMessage := pflag.NewFlagSet("message", pflag.ContinueOnError)
	cmd := &cobra.Command{
		Use:   "publish TOPIC VALUE | publish -",
		Short: "Publish messages",
		Long: `publish stores one message, or those on its standard input, and prints an id for
each. With "-" the input is JSON: messages, one after the other, or arrays of
them. Lines of "subscribe -o json" will do: id, node, seq and position are
passed over. What is wrong in the input ends it, with the number of the
message, counted from 1.

A VALUE that looks like a number or a boolean is one, unless --type says
otherwise. Before a VALUE that begins with "-", put "--".`,
		Example: `  datastub publish sensor/temperature 21.3 --device boiler-1 --unit °C --class RT
  datastub publish sensor/temperature --unit °C -- -4
  datastub publish - < messages.json
  datastub subscribe 'sensor/#' --count 100 -o json | datastub publish - --server http://other:8080`,
		Args:              publishArgs,
		ValidArgsFunction: a.completeTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if args[0] == "-" {
				if err := refuseFlags(ofMessage); err != nil {
					return usageError{err}
				}
				return a.publishInput(cmd.Context(), c, *output)
			}
			m.topic, m.value = args[0], args[1]
			message, err := m.message()
			if err != nil {
				return usageError{err}
			}
			return a.publish(cmd.Context(), c, *output, []dataplane.Message{message})
		},
	}
	ofMessage.StringVar(&m.device, "device", "", "the device; http unless given")
	ofMessage.StringVar(&m.namespace, "namespace", "", "the namespace; default unless given")
	ofMessage.StringVar(&m.property, "property", "", "the device's property")
	ofMessage.StringVar(&m.class, "class", "", "RT, at once, or BT, in batches; BT unless given")
	ofMessage.StringVar(&m.unit, "unit", "", "the unit, such as °C")
	ofMessage.StringVar(&m.typeName, "type", "", "int, float, double, boolean, string or bytes (base64)")
	cmd.Flags().AddFlagSet(ofMessage)
	completeFlag(cmd, "class", "RT", "BT")
	completeFlag(cmd, "type", "int", "float", "double", "boolean", "string", "bytes")
	for _, free := range []string{"device", "namespace", "property", "unit"} {
		completeFlag(cmd, free)
	}
	output = addFormat(cmd)
	return cmd
}

func publishArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 2, len(args) == 1 && args[0] == "-":
		return nil
	case len(args) == 1:
		return errors.New("VALUE is missing: want TOPIC and VALUE, or - to read messages")
	}
	return fmt.Errorf("%d arguments: want TOPIC and VALUE, or - to read messages; a VALUE with spaces stands in quotes", len(args))
}

// refuseFlags refuses those that say something of one message.
func refuseFlags(ofMessage *pflag.FlagSet) error {
	var given []string
	ofMessage.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			given = append(given, "--"+f.Name)
		}
	})
	if len(given) == 0 {
		return nil
	}
	return fmt.Errorf("%s: means nothing with -: each message on standard input says it of itself", strings.Join(given, ", "))
}

// message returns the message. What is not given is cloudsvc's to fill in.
func (n *newMessage) message() (dataplane.Message, error) {
	value, err := n.jsonValue()
	if err != nil {
		return dataplane.Message{}, err
	}
	body, err := json.Marshal(map[string]any{
		"topic": n.topic, "value": value, "device": n.device, "namespace": n.namespace,
		"property": n.property, "class": n.class, "unit": n.unit, "type": n.typeName,
	})
	if err != nil {
		return dataplane.Message{}, err
	}
	return dataplane.DecodeMessage(body)
}

// jsonValue returns the value as JSON: what is no JSON number or boolean is
// text, and so is everything if --type says so.
func (n *newMessage) jsonValue() (json.RawMessage, error) {
	raw := json.RawMessage(n.value)
	valid := json.Valid(raw)
	switch n.typeName {
	case "string", "bytes":
		valid = false
	case "":
		valid = valid && !strings.ContainsAny(n.value[:1], "\"[{n \t\n")
	default:
		if !valid {
			return nil, fmt.Errorf("value %q is no %s", n.value, n.typeName)
		}
	}
	if valid {
		return raw, nil
	}
	return json.Marshal(n.value)
}

// errUnanswered ends a publish by Ctrl-C.
var errUnanswered = fmt.Errorf("%w before cloudsvc answered: what was sent may be stored or not", errInterrupted)

// published is what is printed of a message that is stored.
type published struct {
	ID string `json:"id"`
}

// publish stores messages and prints their ids.
func (a *app) publish(ctx context.Context, c *client.Client, output format, messages []dataplane.Message) error {
	ids, err := c.Publish(ctx, messages...)
	if err != nil && ctx.Err() != nil {
		return errUnanswered
	}
	if err != nil {
		return err
	}
	for _, id := range ids {
		p := published{id.String()}
		if err := output.print(a.out, p, func(w io.Writer) { fmt.Fprintln(w, p.ID) }); err != nil {
			return err
		}
	}
	return nil
}
