package kubeedge

import "datastub/hack/port"

// ports are those that the programs listen on.
type ports struct {
	Etcd, EtcdPeer            string
	API                       string
	WebSocket, HTTPS, Monitor string // cloudcore's: for edgecore, for its certificate, for metrics
}

func freePorts() (p ports, err error) {
	for _, each := range []*string{&p.Etcd, &p.EtcdPeer, &p.API, &p.WebSocket, &p.HTTPS, &p.Monitor} {
		if *each, err = port.Free(); err != nil {
			return p, err
		}
	}
	return p, nil
}
