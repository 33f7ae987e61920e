// Package fault has Devices with something wrong in each, what a mapper tells of
// it, and how far each comes in KubeEdge: some are refused by the API server, and
// some are lost on their way to the node.
package fault
