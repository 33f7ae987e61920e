// Package kubeedge runs a real KubeEdge on this machine, without containers:
// etcd, kube-apiserver, cloudcore and one edge node's edgecore, as processes on
// ports of loopback, with all that they write in one folder. There is no kubelet,
// no scheduler and no controller manager: nothing but devices is served, and what
// a garbage collector would delete stays.
//
// go run ./hack/kubeedge/cmd/kubeedge starts one by hand.
package kubeedge
