package main

import (
	"context"
	"encoding/json"
	"fmt"
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
  datastub subscribe 'sensor/#' -o json | datastub publish - --server http://other:8080`,
		Args: publishArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if args[0] == "-" {
				if err := refuseFlags(cmd); err != nil {
					return usageError{err}
				}
				return a.publishInput(cmd.Context(), c)
			}
			m.topic, m.value = args[0], args[1]
			message, err := m.message()
			if err != nil {
				return usageError{err}
			}
			return a.publish(cmd.Context(), c, []dataplane.Message{message})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&m.device, "device", "", "the device; http unless given")
	flags.StringVar(&m.namespace, "namespace", "", "the namespace; default unless given")
	flags.StringVar(&m.property, "property", "", "the device's property")
	flags.StringVar(&m.class, "class", "", "RT, at once, or BT, in batches; BT unless given")
	flags.StringVar(&m.unit, "unit", "", "the unit, such as °C")
	flags.StringVar(&m.typeName, "type", "", "int, float, double, boolean, string or bytes (base64)")
	return cmd
}

func publishArgs(_ *cobra.Command, args []string) error {
	if len(args) == 2 || (len(args) == 1 && args[0] == "-") {
		return nil
	}
	return fmt.Errorf("%d arguments: want TOPIC and VALUE, or - to read messages", len(args))
}

// refuseFlags refuses the flags that say something of one message.
func refuseFlags(cmd *cobra.Command) error {
	var given []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
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

// publish stores messages and prints their ids.
func (a *app) publish(ctx context.Context, c *client.Client, messages []dataplane.Message) error {
	ids, err := c.Publish(ctx, messages...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := fmt.Fprintln(a.out, id); err != nil {
			return err
		}
	}
	return nil
}
