package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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
them. What is wrong in the input ends it, with the number of the message.

A VALUE that looks like a number or a boolean is one, unless --type says
otherwise. Before a VALUE that begins with "-", put "--".`,
		Example: `  datastub publish sensor/temperature 21.3 --device boiler-1 --unit °C --class RT
  datastub publish sensor/temperature --unit °C -- -4
  datastub publish - < messages.json`,
		Args: publishArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if args[0] == "-" {
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

// message returns the message. What is not given is cloudsvc's to fill in.
func (n *newMessage) message() (dataplane.Message, error) {
	value, err := n.parseValue()
	if err != nil {
		return dataplane.Message{}, err
	}
	m := dataplane.Message{
		Topic: n.topic, Namespace: n.namespace, Device: n.device, Property: n.property,
		Value: value, Unit: n.unit,
	}
	if n.class != "" {
		if m.Class, err = dataplane.ParseClass(n.class); err != nil {
			return m, fmt.Errorf("--class: %w", err)
		}
	}
	return m, dataplane.ValidateTopic(n.topic)
}

// parseValue reads the value as JSON would have it, and as text if it is no
// JSON number or boolean, or if --type says so.
func (n *newMessage) parseValue() (dataplane.Value, error) {
	raw := json.RawMessage(n.value)
	switch n.typeName {
	case "":
		if !json.Valid(raw) || strings.ContainsAny(n.value[:1], "\"[{n \t\n") {
			return dataplane.StringValue(n.value), nil
		}
	case "string":
		return dataplane.StringValue(n.value), nil
	case "bytes":
		raw, _ = json.Marshal(n.value) // a string always marshals
	default:
		if !json.Valid(raw) {
			return dataplane.Value{}, fmt.Errorf("value %q is no %s", n.value, n.typeName)
		}
	}
	body, err := json.Marshal(map[string]any{"value": raw, "type": n.typeName})
	if err != nil {
		return dataplane.Value{}, err
	}
	m, err := dataplane.DecodeMessage(body)
	return m.Value, err
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
