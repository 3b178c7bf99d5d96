#!/bin/sh
# Regenerates generated files, and checks licenses, module files, workflows, words,
# file sizes and formatting. Fails on a difference, and names it.
set -eu
cd "$(dirname "$0")/.."

# The state of the working tree: uncommitted work is no failure, a change by
# regenerating is.
tree() {
	git status --porcelain
	git diff
	git ls-files --others --exclude-standard -z | xargs -0 -r cksum
}

failed=0
fail() {
	echo "verify: $1" >&2
	failed=1
}

echo "verify: go generate"
before=$(tree)
go generate ./...
after=$(tree)
if [ "$before" != "$after" ]; then
	git status --short >&2
	git --no-pager diff --stat >&2
	fail "go generate changed files: commit what it writes"
fi

echo "verify: the bundle of the page's editor"
bundled=0
hack/ui/bundle.sh check || bundled=$?
case $bundled in
0) ;;
3)
	# Everything else can be verified without npm, so this fails in CI only.
	if [ -n "${CI:-}" ]; then
		fail "the bundle was not regenerated: install node and npm"
	else
		echo "verify: the bundle was not regenerated; a unit test still compares its inputs with it" >&2
	fi
	;;
*) fail "the bundle differs: run hack/ui/bundle.sh and commit what it writes" ;;
esac

echo "verify: the licenses of all dependencies, and NOTICE"
before=$(tree)
if hack/notice.sh; then
	[ "$before" = "$(tree)" ] || fail "NOTICE differs: run hack/notice.sh and commit what it writes"
else
	fail "a dependency has a license that is not among those in hack/notice.sh"
fi

for module in . hack/*/ test/browser/; do
	[ -e "$module/go.mod" ] || continue
	echo "verify: go mod tidy -diff in $module"
	go -C "$module" mod tidy -diff || fail "$module is not tidy: go -C $module mod tidy"
done

# ko's configuration is the program in hack/release, which `make release-test` runs.
echo "verify: actionlint"
bin/actionlint -shellcheck= .github/workflows/*.yml || fail "a workflow has a fault"
if grep -nE '^ *(- )?uses:' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$' >&2; then
	fail "an action is not pinned by digest, followed by its version"
fi
for target in $(sed -nE 's/^ *(- )?run: make ([a-z-]+).*/\2/p' .github/workflows/*.yml); do
	grep -q "^$target:" Makefile || fail "a workflow calls make $target, which the Makefile does not have"
done

echo "verify: words that stay out, hack/words/words.txt"
git ls-files --cached --others --exclude-standard | go run ./hack/words || fail "a file has words that stay out"

echo "verify: no programs, and no files over 1 MiB"
# Files that may be larger, one per line.
large=""
programs=$(git grep -la "^$(printf '\177')ELF" || true)
if [ -n "$programs" ]; then
	echo "$programs" >&2
	fail "a program is committed: git rm --cached, and add it to .gitignore"
fi
found=$(git ls-files -z | xargs -0 -r sh -c 'find "$@" -size +1048576c' sh 2>/dev/null | grep -vxF "$large" || true)
if [ -n "$found" ]; then
	echo "$found" >&2
	fail "a file is larger than 1 MiB: make it smaller, or list it in hack/verify.sh"
fi

echo "verify: gofmt"
unformatted=$(git ls-files --cached --others --exclude-standard '*.go' | xargs -r gofmt -l)
if [ -n "$unformatted" ]; then
	echo "$unformatted" >&2
	fail "not formatted: gofmt -w"
fi

echo "verify: go vet"
go vet ./... || fail "go vet has complaints"

exit $failed
