// Package kubeedge tests DataStub under a real KubeEdge: what is applied with
// kubectl arrives at subscribers and in DeviceStatus, through every change and
// restart. Tests whose names begin with TestKubeEdge hold no code of ours to
// anything: they write down, with a mapper that does nothing but listen, how
// KubeEdge behaves where ours depends on it. It has no code but tests.
package kubeedge
