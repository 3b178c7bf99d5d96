#!/usr/bin/env bash
# Builds the release twice, from two clones in different folders, and compares
# every byte of what was made. Then looks into the image and the chart.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
	echo "release-test: $*" >&2
	exit 1
}

version=$(git describe --tags --always)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for clone in first second-with-a-longer-name; do
	git clone --quiet . "$work/$clone"
	mkdir -p "$work/$clone/bin"
	# Tools are the same ones; what is released is built again.
	if [ -e bin/helm ]; then
		ln -s "$(realpath bin/helm)" "$work/$clone/bin/helm"
		touch -d 2020-01-01 "$work/$clone/hack/helm/go.mod"
	fi
	make --no-print-directory -C "$work/$clone" release "VERSION=$version"
done
diff -r "$work/first/dist" "$work/second-with-a-longer-name/dist" || die "two builds of one commit differ"

# Archives, SBOMs and the image's layout, platform by platform.
go -C hack/release test -count 1 . -dist "$work/first/dist"

cd "$work/first/dist"
sha256sum --quiet --check checksums.txt || die "checksums.txt is wrong"

# The image's binary for this machine runs, and says what it is.
mkdir host
tar -xzf ./*"_linux_$(go env GOARCH).tar.gz" -C host
host/k8s-gateway --version | grep -q "$version" || die "the binary does not say $version"

# The chart names the image by the digest that the layout has.
digest=$(cat image-digest.txt)
grep -q "\"digest\":\"$digest\"" <(tr -d ' \n' <image/index.json) || die "the layout has no image $digest"
"$work/first/bin/helm" template gw ./brigade-k8s-gateway-*.tgz --set project=p |
	grep -q "image: \"ghcr.io/brigadecore/brigade-k8s-gateway:$version@$digest\"" || die "the chart does not name the image by digest"
"$work/first/bin/helm" show chart ./brigade-k8s-gateway-*.tgz | grep -q artifacthub.io/images || die "the chart has no annotations of Artifact Hub"
echo "release-test: two builds of $version are the same bytes"
