# The gateway's image: one static binary on an empty root. `make image` builds
# the binary first (`make build`, CGO_ENABLED=0) and then this.
#
# Nothing else is in it, and nothing else is needed:
#   - no CA certificates: the API server's CA comes with the ServiceAccount (or is in
#     the kubeconfig), that of a receiver of CloudEvents is its caFile or one of
#     Mozilla's, which are in the binary;
#   - no time zones: the binary has those that expressions use;
#   - no /etc/passwd: the user is a number, and nothing looks up its name;
#   - no /tmp: nothing is written, the root file system may be read-only.
FROM scratch

ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z

LABEL org.opencontainers.image.title="k8s-gateway" \
      org.opencontainers.image.description="Runs Brigade builds for Kubernetes Events" \
      org.opencontainers.image.source="https://github.com/brigadecore/brigade-k8s-gateway" \
      org.opencontainers.image.documentation="https://github.com/brigadecore/brigade-k8s-gateway/blob/main/README.md" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

COPY bin/k8s-gateway /k8s-gateway

# For `kubectl exec … -- k8s-gateway check`, as in the released image.
ENV PATH=/

# A number, so that Kubernetes can check runAsNonRoot; 65532 is what distroless
# images call "nonroot".
USER 65532:65532

# /metrics, /healthz, /readyz
EXPOSE 8080

ENTRYPOINT ["/k8s-gateway"]
