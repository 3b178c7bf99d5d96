#!/usr/bin/env bash
# Builds the release twice, from two clones in different folders, and compares all
# files byte by byte. Then inspects archives, SBOMs, image and chart.
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
	# Both clones use the same tools. All released files are built in each.
	if [ -e bin/helm ]; then
		ln -s "$(realpath bin/helm)" "$work/$clone/bin/helm"
		touch -d 2020-01-01 "$work/$clone/hack/helm/go.mod"
	fi
	make --no-print-directory -C "$work/$clone" release "VERSION=$version"
done
diff -r "$work/first/dist" "$work/second-with-a-longer-name/dist" || die "two builds of one commit differ"

# Archives, SBOMs and the image, platform by platform; and a push to a registry.
go -C hack/release test -count 1 . -dist "$work/first/dist" -helm "$work/first/bin/helm"

cd "$work/first/dist"
sha256sum --quiet --check checksums.txt || die "checksums.txt is wrong"

# The binary for this machine runs and prints its version.
mkdir host
tar -xzf ./*"_linux_$(go env GOARCH).tar.gz" -C host
host/k8s-gateway --version | grep -q "$version" || die "the binary does not say $version"

# The chart has the image's digest.
digest=$(cat image-digest.txt)
grep -q "\"digest\":\"$digest\"" <(tr -d ' \n' <image/index.json) || die "the layout has no image $digest"
"$work/first/bin/helm" template gw ./brigade-k8s-gateway-*.tgz --set project=p |
	grep -q "image: \"ghcr.io/brigadecore/brigade-k8s-gateway:$version@$digest\"" || die "the chart does not name the image by digest"
"$work/first/bin/helm" show chart ./brigade-k8s-gateway-*.tgz | grep -q artifacthub.io/images || die "the chart has no annotations of Artifact Hub"
echo "release-test: two builds of $version are the same bytes"
