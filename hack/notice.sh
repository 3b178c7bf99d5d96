#!/bin/sh
# Checks the licenses of all modules in the gateway's binary, and writes NOTICE.
# Needs bin/go-licenses and no network.
set -eu
cd "$(dirname "$0")/.."

module=$(go list -m)
package=./cmd/k8s-gateway
# A binary built with -trimpath does not know GOROOT, and would take every package for
# one of the standard library.
goroot=$(go env GOROOT)
saved=$(mktemp -d)
trap 'rm -rf "$saved"' EXIT

# A platform of the release, so that every machine writes the same.
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
