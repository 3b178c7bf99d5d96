#!/bin/sh
# Checks the licenses of all that the gateway is built of, and writes NOTICE.
# Needs bin/go-licenses and nothing from the network.
set -eu
cd "$(dirname "$0")/.."

module=$(go list -m)
package=./cmd/k8s-gateway
# A binary that was built with -trimpath does not know where Go is, and then
# takes every package for one of the standard library.
goroot=$(go env GOROOT)
saved=$(mktemp -d)
trap 'rm -rf "$saved"' EXIT

# What the release is built for, so that every machine writes the same.
licenses() {
	GOROOT=$goroot CGO_ENABLED=0 GOOS=linux GOARCH=amd64 bin/go-licenses "$@" "$package" --ignore "$module" 2>"$saved.log" || {
		cat "$saved.log" >&2
		rm -f "$saved.log"
		return 1
	}
	rm -f "$saved.log"
}

licenses check --allowed_licenses=Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT,MPL-2.0
licenses save --save_path="$saved" --force
go run ./hack/notice "$saved" "$package" >NOTICE.new
mv NOTICE.new NOTICE
