# The images of DataStub. Any builder with cache mounts will do (BuildKit, buildah).
#
#   make image                                  both, with docker or podman
#   docker build --target mapper --tag datastub/mapper .
#
# The images hold the programs, the libraries that they load, certificates and time
# zones: no shell, no packages. They run as 65532, and need no root file system that
# can be written to: what is kept is in volumes.

# The Debian is that of the libraries which the images hold.
FROM golang:1.26-bookworm AS source
RUN apt-get update && \
    apt-get install -y --no-install-recommends libzmq3-dev ca-certificates tzdata && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

FROM source AS mapper-root
ARG VERSION
ARG REVISION
RUN --mount=type=cache,target=/root/.cache/go-build \
    hack/image/rootfs.sh /rootfs ./mapper/cmd/mapper

FROM source AS cloudsvc-root
ARG VERSION
ARG REVISION
RUN --mount=type=cache,target=/root/.cache/go-build \
    hack/image/rootfs.sh /rootfs ./cloudsvc/cmd/cloudsvc ./cloudsvc/cmd/datastub

# On an edge node. Volumes: /etc/datastub with config.yaml, which is only read;
# /var/lib/datastub for the spool; /run/datastub for sockets; and, for EdgeCore's
# socket, /etc/kubeedge. That socket belongs to root, and so must who connects:
# see resource/kubernetes/mapper.yaml.
FROM scratch AS mapper
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="DataStub mapper" \
      org.opencontainers.image.description="Reads the devices of a KubeEdge edge node and publishes their values" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=mapper-root /rootfs/ /
USER 65532:65532
# HTTP: /healthz, /readyz, /metrics (config: http); the LAN's publisher (dataplane.lan).
EXPOSE 7777 5556
ENTRYPOINT ["/usr/bin/mapper"]
CMD ["--config-file=/etc/datastub/config.yaml"]

# In the cloud. Volume: /var/lib/datastub for the log. It listens on loopback
# unless it is told otherwise, as it has no access control yet; /usr/bin/datastub
# is the command line.
FROM scratch AS cloudsvc
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="DataStub cloudsvc" \
      org.opencontainers.image.description="Takes in what DataStub mappers publish, keeps it and delivers it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=cloudsvc-root /rootfs/ /
ENV DATASTUB_DATA=/var/lib/datastub
USER 65532:65532
# HTTP (--http), and where mappers dial in (--uplink).
EXPOSE 8080 5557
ENTRYPOINT ["/usr/bin/cloudsvc"]
