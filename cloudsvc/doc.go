// Package cloudsvc is the cloud's half of DataStub: it takes in what
// publishers send, keeps it, and delivers it to whoever subscribed.
//
// The path of a message, one file a noun:
//
//	Ingest        frames from the uplink and messages from HTTP, checked and
//	              freed of duplicates, wait for the log
//	Block         many frames of many publishers: the unit of storage
//	Shelf         a retention class: blocks that are kept alike
//	Log           keeps blocks; cloudsvc/natslog is the one on JetStream
//	Dispatcher    routes each stored message to the subscriptions that match
//	Subscription  one subscriber's bounded queue
//	API           HTTP: publish, subscribe, discover, health
//
// Beside the path stand the Registry, which knows the publishers, and the
// Authorizer, which every route asks.
//
// Nothing here knows ZeroMQ or JetStream: dataplane/zmq and natslog do, and
// the main in cmd/cloudsvc puts them together.
package cloudsvc
