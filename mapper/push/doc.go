// Package push sends values to the receivers that a Device names under
// pushMethod, as mappers made by KubeEdge's generator send them:
//
//	pushMethod.http   POST of a form, <property>=<value>&time=2006-01-02 15:04:05
//	pushMethod.mqtt   time is 2006-01-02 15:04:05  <topic>: <value>
//
// The walk of a value:
//
//	mapper.device ──► Pusher ──letter──► outlet's queue ──► outlet ──► carrier
//
// There is one outlet for each MQTT broker and each HTTP origin that any Device
// names. It keeps letters in memory while its receiver is away, and tries again
// until they are delivered: values of one property arrive in order, and perhaps
// twice after a break. When too many wait the oldest are dropped. Nothing
// outlives the process: that is what the data plane is for.
package push
