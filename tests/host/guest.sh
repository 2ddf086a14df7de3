#!/bin/bash
# What the test host does: runs every executable guest.d/*.sh in order and
# makes one TAP stream of theirs on stdout, closed by an end marker, so that
# tests/host/run can tell a finished run from a host that died.
#
#	guest.sh [WORD]		only the scripts whose name contains WORD
#
# For the test host alone: the scripts install packages' worth of files below
# /usr and /etc and load kernel modules. A script gets SRC (the checkout,
# read-only), OUT (a directory that survives) and ten minutes.
set -u

here=$(cd "$(dirname "$0")" && pwd)
[ -e /src/tests/host/guest.sh ] && [ -d /out ] || {
	echo "guest.sh: this is not the test host" >&2
	exit 2
}
export SRC=/src OUT=/out LIB=$here/lib.sh
only=${1:-}

# Numbers the tests of one script, starting after $1; the last line of its
# output is kept for the caller as "count failed".
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

tests=0 failed=0
count=$(mktemp)
for script in "$here"/guest.d/*.sh; do
	[ -x "$script" ] || continue
	name=$(basename "$script" .sh)
	case $name in
	*"$only"*) ;;
	*) continue ;;
	esac
	start=$SECONDS
	{
		echo "# --- $name"
		timeout --kill-after=10 "${GUEST_SCRIPT_TIME:-600}" \
		    "$script" </dev/null 2>&1
		status=$?
		case $status in
		0) ;;
		124) echo "not ok - $name ended in time" ;;
		*) echo "not ok - $name ran to its end (status $status)" ;;
		esac
		echo "# --- $name: $((SECONDS - start)) s"
	} | number "$tests" "$count"
	read -r before more <"$count"
	[ "$before" -gt "$tests" ] || {
		tests=$((tests + 1))
		before=$tests more=1
		echo "not ok $tests - $name printed a test"
	}
	tests=$before failed=$((failed + more))
done

if [ "$failed" -gt 0 ]; then
	journalctl -b --no-pager >/out/journal 2>/dev/null
	echo "# the host's journal is in the directory of the run"
fi
echo "1..$tests"
echo "# test host finished: $tests tests, $failed failed"
[ "$failed" = 0 ]
