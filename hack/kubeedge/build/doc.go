// Package build makes the programs of a KubeEdge cluster from their sources:
// cloudcore and edgecore, kube-apiserver and kubectl, of pinned versions. The
// sources come from the Go module cache, as any dependency does, and have build
// modules of their own, which are made for the build: nothing of them is in
// DataStub's go.mod.
//
// They take some ten minutes the first time and are kept in the user's cache,
// below datastub/kubeedge, in one folder for each set of versions.
package build
