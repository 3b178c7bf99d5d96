#!/bin/sh
# Builds one program of a tool module from source, and puts it in place when it is
# complete.
#
#   hack/tool.sh SET MODULE PACKAGE OUTPUT HOW-LONG
#
# SET is the tool module's folder under hack/. Its go.mod is the only place with the
# version of MODULE.
set -eu

tools=$1 module=$2 package=$3 output=$4 howlong=$5
name=$(basename "$output")
cd "$(dirname "$0")/.."

version=$(go -C "hack/$tools" list -m -f '{{.Version}}' "$module")
ldflags='-s -w'
tags=
case $module in
k8s.io/kubernetes)
	# Clients refuse a server whose version they cannot parse.
	v=k8s.io/component-base/version
	minor=${version#v*.}
	major=${version%%.*}
	ldflags="$ldflags -X $v.gitVersion=$version -X $v.gitMajor=${major#v} -X $v.gitMinor=${minor%%.*}"
	;;
helm.sh/helm/v4)
	ldflags="$ldflags -X $module/internal/version.version=$version"
	;;
github.com/prometheus/prometheus)
	# Without service discovery: tests configure their targets themselves.
	tags=remove_all_sd
	;;
esac

# The build writes to another file first, so that an interrupted one leaves nothing
# that looks complete.
unfinished=$output.unfinished
failed=$output.failed
trap 'rm -f "$unfinished" "$failed"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$(dirname "$output")"
rm -f "$failed"

echo "building $name $version from source, $howlong the first time"
{
	CGO_ENABLED=0 go -C "hack/$tools" build -v -trimpath -buildvcs=false \
		-tags "$tags" -ldflags "$ldflags" -o "$PWD/$unfinished" "$package" 2>&1 || : >"$failed"
} | awk -v name="$name" '
	# go build -v prints the path of each package that it compiles.
	/^[^ :#]+$/       { if (++packages % 100 == 0) { print "  " name ": " packages " packages compiled"; fflush() }; next }
	/^go: downloading / { if (++modules % 50 == 0) { print "  " name ": " modules " modules downloaded"; fflush() }; next }
	                  { print; fflush() }'
if [ -e "$failed" ]; then
	echo "building $name $version failed" >&2
	exit 1
fi
mv "$unfinished" "$output"
