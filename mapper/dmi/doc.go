// Package dmi is KubeEdge's side of the mapper: EdgeCore's Device Management
// Interface, v1beta1, over Unix sockets.
//
//	EdgeCore ──RegisterDevice, UpdateDevice, …──► service, one a protocol ──► roster ──Spec──► mapper.Target
//	   ▲ │                                                                      ▲
//	   │ └──────────what MapperRegister answers──► registrar, one a protocol ────┘
//	   └──twins and states──────── edge ◄── pacer ◄── twins ◄── mapper.Reporter
//
// A Link is all of it: a mapper.Source, and the Reporter that EdgeCore's twins
// come from. Everything that a device is comes through EdgeCore, in two ways
// that may overtake each other: calls to the service, which EdgeCore makes once
// and never again, and the answer to a registration, which has everything. The
// roster makes one state of both. While EdgeCore is away the devices that are
// known go on.
package dmi
