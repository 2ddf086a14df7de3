#!/bin/bash
# What the test host does: runs every executable guest.d/*.sh in order and
# makes one TAP stream of theirs on stdout, closed by an end marker, so that
# tests/host/run can tell a finished run from a host that died.
#
#	guest.sh [REGEX]	only the scripts whose name matches
#
# For the test host alone: the scripts install packages' worth of files below
# /usr and /etc and load kernel modules. A script gets SRC (the checkout,
# read-only), BIN (the programs in it), OUT (a directory that survives), LIB
# (lib.sh) and ten minutes.
set -u

here=$(cd "$(dirname "$0")" && pwd)
[ -e /src/tests/host/guest.sh ] && [ -d /out ] || {
	echo "guest.sh: this is not the test host" >&2
	exit 2
}
export SRC=/src OUT=/out LIB=$here/lib.sh
export BIN=$SRC/${GUEST_BIN:-build/bin}
only=${1:-}

# number N FILE: numbers the tests of one script, starting after N; the last
# number and how many failed go to FILE.
number() {
	awk -v n="$1" -v count="$2" '
		/^(not )?ok( |$)/ {
			failed += /^not/ && !/# (TODO|SKIP)/
			status = /^not/ ? "not ok" : "ok"
			sub(/^(not )?ok( [0-9]+)?/, "")
			print status, ++n $0
			fflush()
			next
		}
		/^1\.\./ { next }
		!/^#/ { $0 = "# " $0 }
		{ print; fflush() }
		END { print n, failed + 0 > count }'
}

# run_script SCRIPT: in a process group of its own; its status goes to a file.
run_script() {
	timeout --kill-after=10 "${GUEST_SCRIPT_TIME:-600}" "$1" </dev/null 2>&1
	echo $? >"$tmp/status"
}

# bad NAME: one more failure, found here.
bad() {
	tests=$((tests + 1)) failed=$((failed + 1))
	echo "not ok $tests - $*"
}

tests=0 failed=0
tmp=$(mktemp -d)
for script in "$here"/guest.d/*.sh; do
	[ -x "$script" ] || continue
	name=$(basename "$script" .sh)
	[[ $name =~ $only ]] || continue
	start=$SECONDS
	echo "# --- $name"
	run_script "$script" | number "$tests" "$tmp/count"
	read -r status <"$tmp/status"
	read -r now more <"$tmp/count"
	ran=$((now - tests))
	tests=$now failed=$((failed + more))
	case $status in
	0) [ "$ran" -gt 0 ] || bad "$name printed a test" ;;
	124 | 137) bad "$name ended in time" ;;
	*) [ "$more" -gt 0 ] || bad "$name ran to its end (status $status)" ;;
	esac
	echo "# --- $name: $((SECONDS - start)) s"
done

if [ "$failed" -gt 0 ]; then
	journalctl -b --no-pager >/out/journal 2>/dev/null
	echo "# the host's journal is in the directory of the run"
fi
echo "1..$tests"
echo "# test host finished: $tests tests, $failed failed"
[ "$failed" = 0 ]
