package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"datastub/mapper"
)

const (
	// oldTwin is how old a twin may be when many devices report.
	oldTwin = 120 * time.Second
	// oldConfig is how long ago EdgeCore may have given a configuration: it gives
	// all with each registration, which is once a minute.
	oldConfig = 10 * time.Minute
)

// devices tells how the devices are, and of those that are not well.
func devices(overview *mapper.Overview, protocols []string, now time.Time) []Finding {
	const subject = "devices"
	if len(overview.Devices) == 0 {
		return []Finding{{Warn, subject, "there are none", noDevices(overview, protocols)}}
	}
	states := map[mapper.State]int{}
	for i := range overview.Devices {
		states[overview.Devices[i].State]++
	}
	text := fmt.Sprintf("%d online, %d offline, %d unhealthy", states[mapper.Online], states[mapper.Offline], states[mapper.Unhealthy])
	if unread := len(overview.Devices) - states[mapper.Online] - states[mapper.Offline] - states[mapper.Unhealthy]; unread > 0 {
		text += fmt.Sprintf(", %d not read yet", unread)
	}
	all := Finding{Verdict: OK, Subject: subject, Text: text}
	bad := unwell(overview.Devices)
	if len(bad) > 0 {
		all = Finding{Warn, subject, text + ": " + names(bad), "see the lines below; GET /status of the mapper has them all"}
	}
	found := append([]Finding{all}, complaints(bad, now)...)
	if overview.Source == mapper.FromEdgeCore {
		found = append(found, oldest(overview.Devices, now)...)
	}
	return found
}

// noDevices is what to do where there are none.
func noDevices(overview *mapper.Overview, protocols []string) string {
	if overview.Source != mapper.FromEdgeCore {
		return "put Device and DeviceModel files into devices.folder"
	}
	return fmt.Sprintf("kubectl get devices -A -o yaml: is there one with spec.nodeName %s and a spec.protocol.protocolName that is, to the letter, %s? if so, is its DeviceModel there? else restart edgecore",
		overview.Node, strings.Join(protocols, " or "))
}

// unwell returns the devices that are offline or unhealthy, those first that are
// so for longest.
func unwell(all []mapper.DeviceOverview) []mapper.DeviceOverview {
	bad := slices.DeleteFunc(slices.Clone(all), func(d mapper.DeviceOverview) bool {
		return d.State != mapper.Offline && d.State != mapper.Unhealthy
	})
	slices.SortStableFunc(bad, func(a, b mapper.DeviceOverview) int { return a.Since.Compare(b.Since) })
	return bad
}

// maxNames is how many devices are named in one line.
const maxNames = 3

// names names the first few devices.
func names(devices []mapper.DeviceOverview) string {
	var few []string
	for i, d := range devices {
		if i == maxNames {
			few = append(few, "…")
			break
		}
		few = append(few, d.Namespace+"/"+d.Name)
	}
	return strings.Join(few, ", ")
}

// complaints tells of the devices that are not well.
func complaints(bad []mapper.DeviceOverview, now time.Time) (found []Finding) {
	const subject = "device"
	for i, d := range bad {
		if i == maxFindings {
			found = append(found, Finding{Warn, subject, fmt.Sprintf("and %d more", len(bad)-i), "GET /status of the mapper lists them all"})
			break
		}
		cure := "mend what it names in the Device or DeviceModel"
		if d.State == mapper.Offline {
			cure = "is it switched on? can this node reach its address?"
		}
		found = append(found, Finding{Warn, subject, fmt.Sprintf("%s/%s is %s for %v: %s", d.Namespace, d.Name, d.State, now.Sub(d.Since).Round(time.Second), d.Reason), cure})
	}
	return found
}

// oldest tells when EdgeCore last gave configurations and took twins.
func oldest(all []mapper.DeviceOverview, now time.Time) (found []Finding) {
	seen := slices.MinFunc(all, func(a, b mapper.DeviceOverview) int { return a.ConfigSeen.Compare(b.ConfigSeen) })
	text := fmt.Sprintf("last seen %s, of %s/%s, the oldest", ago(seen.ConfigSeen, now), seen.Namespace, seen.Name)
	if now.Sub(seen.ConfigSeen) > oldConfig {
		found = append(found, Finding{Warn, "config seen", text, "has KubeEdge missed a change? restart edgecore; the mapper may run on"})
	} else {
		found = append(found, Finding{Verdict: OK, Subject: "config seen", Text: text})
	}
	return append(found, oldestTwin(all))
}

// oldestTwin tells how old the oldest twin is, of those that were ever taken.
func oldestTwin(all []mapper.DeviceOverview) Finding {
	const subject = "twin age"
	var worst *mapper.DeviceOverview
	never := 0
	for i := range all {
		d := &all[i]
		switch {
		case d.TwinAge == nil:
			never++
		case worst == nil || *d.TwinAge > *worst.TwinAge:
			worst = d
		}
	}
	if worst == nil {
		return Finding{Warn, subject, "EdgeCore has taken no twins", "do properties have reportToCloud: true? see registration"}
	}
	age := time.Duration(*worst.TwinAge * float64(time.Second)).Round(time.Second)
	text := fmt.Sprintf("%v, of %s/%s, the oldest; %d devices have none", age, worst.Namespace, worst.Name, never)
	if age > oldTwin {
		return Finding{Warn, subject, text, "is the device offline? does edgecore's log have \"too many request\"? then lengthen reportCycle"}
	}
	return Finding{Verdict: OK, Subject: subject, Text: text}
}
