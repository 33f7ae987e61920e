// Package natslog keeps cloudsvc's log on NATS JetStream: on a server embedded
// in the process, whose port is not open, or on a NATS cluster.
//
// There is a stream a class, RT and BT, and in it one subject a shard,
// ds.<class>.<shard>.<retention class>. One JetStream message is one block of
// many records, so that a thousand small frames share one sync. One publish is
// in flight a stream, and each names the sequence that it must follow: a
// second writer, or one that slept and woke, fails and learns that it is
// fenced. A publish whose answer was lost is decided by reading the last
// message.
//
// Each shelf of cloudsvc's, which is a retention class, is a subject. What their
// limits do not keep is looked for once a second and purged by subject, where the
// stream's own limits are wider; these are set for all shelves together on the
// embedded server, and are the operator's on a cluster. What shelves there are is
// kept in a bucket, so that rules may change from one start to the next.
//
// The embedded server syncs each block to disk before it answers, or all of
// them now and then, as is asked for. A cluster
// syncs as its operators chose, and a stream that they made keeps its limits
// and replicas.
//
// The embedded server's folder is locked: one process runs on it. When a write
// fails, as on a full disk, the server is started anew at each try until it
// takes blocks again.
package natslog
