// Package datapanel lets a mapper that KubeEdge's generator made publish into
// the data plane: a Hook is mapper-framework's global.DataPanel.
//
// # The lines that the mapper adds
//
// In device/device.go, the import, and an if in the case of MQTT of
// pushHandler:
//
//	"datastub/mapper/datapanel"
//
//	case common.PushMethodMQTT:
//		if datapanel.Asked(twin.Property) {
//			dataPanel, err = datapanel.New(ctx, twin.Property)
//			break
//		}
//		dataPanel, err = mqttMethod.NewDataPanel(twin.Property.PushMethod.MethodConfig)
//
// In DevStart, SIGTERM beside the interrupt, which alone the template knows,
// and before its os.Exit the end of the data plane:
//
//	signal.Notify(d.quitChan, os.Interrupt, syscall.SIGTERM)
//
//	if err := datapanel.Close(); err != nil {
//		klog.Error(err)
//	}
//
// In go.mod, with the path of a checkout of DataStub, as it is not to be
// downloaded as a module:
//
//	require datastub v0.0.0
//
//	replace datastub => ../datastub
//
// and where the mapper was moved out of KubeEdge's source tree, what stands
// there as ../api and ../mapper-framework:
//
//	require (
//		github.com/kubeedge/api v1.23.0
//		github.com/kubeedge/mapper-framework v1.23.0
//	)
//
//	replace github.com/kubeedge/api => github.com/kubeedge/api v1.23.0
//
// After `go mod tidy` it builds, with Go 1.26, cgo and libzmq3-dev; it runs
// with libzmq5. In testdata/mapper is such a mapper, reduced to what matters
// here.
//
// # What a Device says
//
// A property asks for the data plane by a push method that KubeEdge has:
//
//	pushMethod:
//	  mqtt:
//	    address: zmq://cloudsvc.example:5557
//	    topic: oven/temperature
//
// The address is that of cloudsvc's uplink, or zmq://dataplane where the
// mapper's environment gives it. All else is said as to our own mapper, with
// the keys of mapper.Rules in visitors.configData: topic, which goes before
// that of the push method, qosClass, publish, onChange, deadband and maxAge.
// (The qos of the push method is MQTT's and says nothing. configData of
// spec.protocol does not come so far.) Type and unit are the DeviceModel's;
// where it gives no type, that of the DataModel holds, which in a generated
// mapper is the metadata of the desired value, and often none.
//
// # What the mapper's environment says
//
//	NODE_NAME             the node's name; by default the host's
//	DATASTUB_MAPPER       the mapper's name; by default common.name of its config.yaml
//	DATASTUB_UPLINK       for zmq://dataplane; tcp://127.0.0.1:5557 by default
//	DATASTUB_LAN          where edge applications subscribe, such as tcp://*:5556; by default nowhere
//	DATASTUB_SPOOL_BYTES  how much may wait in memory for cloudsvc; 1Gi by default
//
// # What a process has of it
//
// All hooks of a process share one publisher, <node>/<mapper>, with one
// uplink: it is opened by the first, and a property with another address is
// refused while there are others. It waits for cloudsvc as long as need be,
// with everything that was accepted in memory, and when that is full drops
// the oldest BT values first, then the oldest RT. It stays when the last hook
// is closed, for what waits must not be lost because a device is updated.
//
// Close delivers what waits, for 4 s at most, and logs how much it could not
// deliver. A mapper that ends without it, by a kill or by the template's
// os.Exit, loses what cloudsvc had not acknowledged, and nothing tells how
// much that was; BT values wait for 5 s or 1000 of them before they are sent.
//
// # What a value is
//
// The framework hands values over as text. It is parsed strictly as the
// property's type: what does not fit is never published as another type. Such
// a value is lost; it is counted (Hook.Refused), and logged when the reason
// changes. Its neighbours are not harmed, as each property has its own Hook.
// TimeStamp is milliseconds since 1970, which the template sets after the
// read. Two properties of a device at one topic are told by name, and the
// second is refused.
package datapanel
