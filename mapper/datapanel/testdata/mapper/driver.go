package main

import "fmt"

// VisitorConfig is how a property is read.
type VisitorConfig struct {
	ConfigData struct {
		Signal string `json:"signal"`
	} `json:"configData"`
}

// unwell is how many values a sick signal begins with that are no numbers.
const unwell = 10

// A Client is a device without hardware: each read counts.
type Client struct {
	signal string
	n      int
}

// GetDeviceData returns the next value of the signal.
func (c *Client) GetDeviceData() any {
	c.n++
	switch c.signal {
	case "single":
		return float32(c.n) / 8
	case "double":
		return float64(c.n) / 10
	case "switch":
		return c.n%2 == 1
	case "text":
		return fmt.Sprintf("step %d: grün", c.n)
	case "raw":
		return []byte{0xff, byte(c.n)}
	case "steady":
		return 7
	case "sick":
		if c.n <= unwell {
			return fmt.Sprintf("warm %d", c.n)
		}
	}
	return c.n
}
