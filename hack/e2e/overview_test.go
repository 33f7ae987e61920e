package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"datastub/mapper"
)

// devicesOf returns what a mapper says of its devices.
func devicesOf(t *testing.T, url string) []mapper.DeviceOverview {
	t.Helper()
	resp, err := http.Get(url + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var status mapper.Overview
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	return status.Devices
}
