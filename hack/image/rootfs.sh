#!/usr/bin/env bash
# Makes the root file system of an image in a folder: programs that are built of
# packages, the shared libraries that they load, certificates and time zones, all
# but the programs from the Debian that it runs on. It takes root, as the folders
# of volumes are given to the user of the images.
#
#   VERSION=v1.2.0 REVISION=0123… hack/image/rootfs.sh FOLDER PACKAGE...
set -euo pipefail
root=$1
shift

user=65532 # the Dockerfile's USER

mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/share}

build=datastub/dataplane/build
go build -buildvcs=false -o "$root/usr/bin/" \
  -ldflags "-s -w -X $build.version=${VERSION:-} -X $build.revision=${REVISION:-}" "$@"

# Each library goes where the dynamic linker looks by itself. One that is missing
# on this machine has no path, and then the program could not be started.
libraries=$(ldd "$root"/usr/bin/*)
if grep 'not found' <<<"$libraries" >&2; then exit 1; fi
grep -o '/lib[^ ]*' <<<"$libraries" | sort -u | xargs cp --dereference --parents --target-directory "$root"

cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp --recursive --dereference /usr/share/zoneinfo "$root/usr/share/"

cat >"$root/etc/passwd" <<END
root:x:0:0:root:/:/sbin/nologin
datastub:x:$user:$user:DataStub:/:/sbin/nologin
END
cat >"$root/etc/group" <<END
root:x:0:
datastub:x:$user:
END
# For libzmq, which resolves names with glibc: both are part of that.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Where volumes go; a new one of Docker's has the owner of what it covers.
mkdir -p "$root/etc/datastub"
install --directory --owner "$user" --group "$user" "$root"/{run,var/lib}/datastub
