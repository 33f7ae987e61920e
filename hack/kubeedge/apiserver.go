package kubeedge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
)

// token is the password of the one user that there is. The API server listens
// on loopback only.
const token = "datastub"

// apiServer makes its certificate itself, in the folder that it is given. There
// is neither a controller manager, which would make service accounts, nor
// anybody who is to be kept out.
func (c *Cluster) apiServer() *Component {
	return c.component("kube-apiserver", c.Programs.Path("kube-apiserver"),
		func(ctx context.Context) error {
			_, err := c.Kubectl(ctx, "", "get", "--raw", "/readyz")
			return err
		},
		"--etcd-servers=http://127.0.0.1:"+c.ports.Etcd,
		"--bind-address=127.0.0.1", "--secure-port="+c.ports.API, "--cert-dir="+c.path("api"),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=AlwaysAllow", "--token-auth-file="+c.path("tokens.csv"),
		"--disable-admission-plugins=ServiceAccount",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.path("accounts.key"), "--service-account-signing-key-file="+c.path("accounts.key"))
}

// writeAccess writes what the API server and its users know each other by.
func (c *Cluster) writeAccess(context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	accounts := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return errors.Join(
		os.WriteFile(c.path("accounts.key"), accounts, 0o600),
		os.WriteFile(c.path("tokens.csv"), []byte(token+`,admin,admin,"system:masters"`+"\n"), 0o600),
		c.write("kubeconfig", token),
	)
}
