# TAP for the shell scripts of the test host; sourced by guest.d/*.sh.
# Test lines carry no numbers: guest.sh counts over all scripts.
# shellcheck shell=bash
set -u

ok() {
	echo "ok - $*"
}

not_ok() {
	echo "not ok - $*"
}

# skip NAME REASON
skip() {
	echo "ok - $1 # SKIP $2"
}

# note: lines for the reader; stdin, or the arguments.
note() {
	if [ $# -gt 0 ]; then echo "$*"; else cat; fi | sed 's/^/# /'
}

# check NAME COMMAND...: passes when the command does; shows what it printed
# when it does not.
check() {
	local name=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	if [ "$status" = 0 ]; then
		ok "$name"
	else
		not_ok "$name"
		note "status $status: $*"
		[ -z "$out" ] || printf '%s\n' "$out" | tail -n 40 | note
		return 1
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		note "got:    $2"
		note "wanted: $3"
		return 1
	fi
}

# within SECONDS COMMAND...: tries again until it passes or time is up.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
