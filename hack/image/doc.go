// Package image makes the root file systems of the container images: rootfs.sh,
// which the Dockerfile runs.
package image
