// Package image makes the root file systems of the container images (rootfs.sh,
// which the Dockerfile runs), and tests them where no container engine is: the
// Dockerfile's own steps make them here, of the files that .dockerignore lets
// through, and the programs run in them as the manifests of resource/kubernetes
// say: as that user, without capabilities, on a root that is read-only, with those
// volumes. That takes root, and the Debian of the images.
package image
