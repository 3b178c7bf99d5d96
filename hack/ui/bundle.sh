#!/bin/sh
# Bundles the editor of the page from the packages that package-lock.json pins,
# with esbuild as a Go tool, into pkg/ui/assets/vendor. Needs node and npm.
#
#   hack/ui/bundle.sh          writes the bundle
#   hack/ui/bundle.sh check    fails where the bundle in the tree is another
set -eu
cd "$(dirname "$0")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	echo "no node or no npm: install them (Debian: apt-get install nodejs npm)" >&2
	exit 3
fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null

out=../../pkg/ui/assets/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go tool esbuild codemirror.js --bundle --format=esm --target=es2022 --minify --legal-comments=none \
	--charset=utf8 --metafile="$work/meta.json" --outfile="$work/codemirror.js" --log-level=warning
node licences.mjs "$work/meta.json" >"$work/codemirror.LICENCES.txt"
rm "$work/meta.json"
# What the bundle was made of, so that a test without npm sees when it is stale.
cat codemirror.js package-lock.json go.mod bundle.sh | sha256sum | cut -d' ' -f1 >"$work/codemirror.inputs.sha256"

if [ "${1:-}" = check ]; then
	diff -rq "$work" "$out" || { echo "the editor bundle is not what its packages give: hack/ui/bundle.sh" >&2; exit 1; }
	exit 0
fi
mkdir -p "$out"
cp "$work"/* "$out"/
