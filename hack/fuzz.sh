#!/bin/sh
# Runs every fuzz target of the module in turn.
#
#   hack/fuzz.sh FUZZTIME
set -eu
cd "$(dirname "$0")/.."
fuzztime=${1:-30s}

targets=$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' cmd pkg test | sort -u | cut -d' ' -f2)
if [ -z "$targets" ]; then
	echo "no fuzz target found" >&2
	exit 1
fi
for target in $targets; do
	for file in $(grep -rlE --include='*_test.go' "^func $target\(" cmd pkg test); do
		package=./$(dirname "$file")
		echo "fuzzing $package $target for $fuzztime"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$package"
	done
done
