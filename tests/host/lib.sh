# What the scripts of guest.d/ share, on top of tests/integration/lib.sh.
# guest.sh numbers the tests over all scripts, so nobody calls done_testing.
# shellcheck shell=bash
set -u
. "$SRC/tests/integration/lib.sh"

# note: lines for the reader; stdin, or the arguments.
note() {
	if [ $# -gt 0 ]; then echo "$*"; else cat; fi | sed 's/^/# /'
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

# The units of Nexus. Two have to do with the nodes' end and refuse a restart.
UNITS="nexusd nexus-storaged nexus-netd nexus-nodemgr nexus-authd nexus-maild
nexus-gatewayd nexus-http.socket"
ALL_UNITS="$UNITS nexus-nodes nexus-stop-nodes nexus.target"
NODES_CGROUP=/sys/fs/cgroup/nexus.slice/nexus-nodes.slice/nexus-nodes.service

# unit_log UNIT: its last lines, for the reader.
unit_log() {
	journalctl -b -u "$1" -o cat --no-pager -n 20 | note
}

# needs_nexus: ends the script when an earlier one could not start it; that one
# has failed already.
needs_nexus() {
	systemctl -q is-active nexusd nexus-storaged nexus-nodemgr && return
	skip "$(basename "$0" .sh)" "Nexus does not run here, see above"
	exit 0
}

export NEXUS_URL=http://127.0.0.1:8080 NEXUS_MAIL=/var/lib/nexus/mail
export NEXUS_SOCK=/run/nexus/nexus.sock
