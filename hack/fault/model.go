package fault

// Models are the DeviceModels of all Devices that the API server takes.
const Models = header + `kind: DeviceModel
metadata: {name: m}
spec:
  protocol: virtual
  properties:
  - {name: a, type: INT, accessMode: ReadOnly}
  - {name: b, type: DOUBLE, accessMode: ReadWrite, minimum: "0", maximum: "10"}
  - {name: s, type: STRING, accessMode: ReadWrite}
` + header + `kind: DeviceModel
metadata: {name: registers}
spec: {protocol: modbus, properties: [{name: a, type: INT, accessMode: ReadOnly}]}
` + header + `kind: DeviceModel
metadata: {name: bare}
spec: {properties: [{name: a, type: INT, accessMode: ReadOnly}]}
` + header + `kind: DeviceModel
metadata: {name: wrong-access}
spec: {protocol: virtual, properties: [{name: a, type: INT}]}
` + header + `kind: DeviceModel
metadata: {name: wrong-stream}
spec: {protocol: virtual, properties: [{name: a, type: STREAM, accessMode: ReadOnly}]}
` + header + `kind: DeviceModel
metadata: {name: wrong-limit}
spec: {protocol: virtual, properties: [{name: a, type: INT, accessMode: ReadOnly, maximum: NaN}]}
`

// WrongType is one that the API server refuses.
const WrongType = header + `kind: DeviceModel
metadata: {name: wrong-type}
spec: {protocol: virtual, properties: [{name: a, type: WORD, accessMode: ReadOnly}]}
`
