#!/usr/bin/env bash
# Builds the container image: bin/k8s-gateway by `make build`, then Dockerfile.
#
#   hack/image.sh         build IMAGE, print its name and size
#   hack/image.sh test    and check it: one file, user, entrypoint, labels, and
#                         `k8s-gateway --version` in its root file system
#
# From the environment:
#   VERSION   what the image is tagged and labeled with (default: git describe)
#   IMAGE     name with tag (default: ghcr.io/brigadecore/brigade-k8s-gateway:VERSION,
#             the chart's own name with the commit's version)
#   BUILDER   docker or buildah (default: docker if its daemon runs)
#
# Nothing is pulled: the image starts from scratch. Without root, buildah can
# mount an image only in a user namespace: buildah unshare hack/image.sh test
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
IMAGE=${IMAGE:-ghcr.io/brigadecore/brigade-k8s-gateway:$VERSION}

die() {
	echo "image: $*" >&2
	exit 1
}

if [ -z "${BUILDER:-}" ]; then
	if docker info >/dev/null 2>&1; then
		BUILDER=docker
	elif command -v buildah >/dev/null; then
		BUILDER=buildah
	else
		die "neither a docker daemon nor buildah found (Debian: apt-get install buildah)"
	fi
fi

# vfs and chroot need neither overlayfs nor user namespaces, so that the image
# also builds inside a container.
buildah() {
	command buildah --storage-driver vfs "$@"
}

build() {
	# For Linux, whatever system builds it.
	GOOS=linux make --no-print-directory build "VERSION=$VERSION"
	case $(od -An -N4 -c bin/k8s-gateway | tr -d ' ') in
	177ELF) ;;
	*) die "bin/k8s-gateway is not a Linux binary" ;;
	esac
	# An image keeps the mode, and its user is neither the owner nor in the group.
	chmod 0755 bin/k8s-gateway

	# The commit's time, not the clock: the same commit gives the same image.
	local epoch created args
	epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
	created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
	args=(
		--build-arg "VERSION=$VERSION"
		--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
		--build-arg "CREATED=$created"
		--tag "$IMAGE"
	)
	case $BUILDER in
	docker) SOURCE_DATE_EPOCH=$epoch docker build "${args[@]}" . ;;
	buildah) buildah build --isolation chroot --timestamp "$epoch" "${args[@]}" . ;;
	*) die "BUILDER is $BUILDER: want docker or buildah" ;;
	esac
	echo "image: $IMAGE, $(size) bytes"
	echo "image: the chart uses it with --set image.repository=${IMAGE%:*},image.tag=${IMAGE##*:}"
}

size() {
	case $BUILDER in
	docker) docker image inspect --format '{{.Size}}' "$IMAGE" ;;
	buildah) buildah inspect --type image --format '{{.Manifest}}' "$IMAGE" |
		grep -o '"size":[0-9]*' | awk -F: '{ sum += $2 } END { print sum }' ;;
	esac
}

# config FIELD prints one field of the image's configuration, for example User.
config() {
	case $BUILDER in
	docker) docker image inspect --format "{{.Config.$1}}" "$IMAGE" ;;
	buildah) buildah inspect --type image --format "{{.OCIv1.Config.$1}}" "$IMAGE" ;;
	esac
}

# label NAME prints one label.
label() {
	case $BUILDER in
	docker) docker image inspect --format "{{index .Config.Labels \"$1\"}}" "$IMAGE" ;;
	buildah) buildah inspect --type image --format "{{index .OCIv1.Config.Labels \"$1\"}}" "$IMAGE" ;;
	esac
}

# extract DIR writes the image's root file system into DIR.
extract() {
	local container
	case $BUILDER in
	docker)
		container=$(docker create "$IMAGE")
		docker export "$container" | tar -x -C "$1"
		docker rm "$container" >/dev/null
		# Empty mount points that docker adds to every container.
		find "$1" -mindepth 1 ! -type d -size 0 -delete
		find "$1" -mindepth 1 -type d -empty -delete
		;;
	buildah)
		container=$(buildah from --pull-never "$IMAGE")
		cp -a "$(buildah mount "$container")/." "$1"
		buildah rm "$container" >/dev/null
		;;
	esac
}

# same WHAT GOT WANT fails unless the two are equal.
same() {
	[ "$2" = "$3" ] || die "$IMAGE: $1 is '$2', want '$3'"
}

check() {
	same user "$(config User)" 65532:65532
	same entrypoint "$(config Entrypoint)" '[/k8s-gateway]'
	same title "$(label org.opencontainers.image.title)" k8s-gateway
	same licenses "$(label org.opencontainers.image.licenses)" MIT
	same version "$(label org.opencontainers.image.version)" "$VERSION"
	local name
	for name in description source documentation revision created; do
		[ -n "$(label "org.opencontainers.image.$name")" ] || die "$IMAGE: label $name is missing"
	done

	local root version
	root=$(mktemp -d)
	# shellcheck disable=SC2064 # expanded now, not at the exit
	trap "rm -rf '$root'" EXIT
	chmod 0755 "$root"
	extract "$root"
	same files "$(cd "$root" && find . -mindepth 1)" ./k8s-gateway

	# The root has neither a loader nor libraries, so this fails for a binary that is
	# not static, or not executable for this user.
	if [ "$(id -u)" = 0 ]; then
		version=$(chroot --userspec=65532:65532 "$root" /k8s-gateway --version)
	else
		version=$("$root/k8s-gateway" --version)
	fi
	[ -n "$version" ] || die "$IMAGE: k8s-gateway --version prints nothing"
	echo "image: $IMAGE works: $version"
}

case ${1:-build} in
build) build ;;
test)
	build
	check
	;;
*) die "unknown mode $1: want build or test" ;;
esac
