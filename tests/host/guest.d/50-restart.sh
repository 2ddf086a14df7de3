#!/bin/bash
# Any one unit can be restarted, or die, and no node notices. Promise 5 of the
# design.
. "$LIB"
needs_nexus

inspect() { # NODE FIELD
	nexusctl node inspect "$1" -o json | jq -r ".$2"
}
# born PID: when it was started, so that a number used again is no survivor.
born() {
	awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null
}
# Every edge: nodemgr with netd and storaged, storaged with its files.
works() {
	[ "$(inspect survivor status)" = Running ] &&
	    nexusctl node exec survivor -- true &&
	    nexusctl file ls >/dev/null &&
	    nexusctl user ls >/dev/null &&
	    [ "$(curl -sS -m 10 -o /dev/null -w '%{http_code}' \
		"$NEXUS_URL/api/files")" = 401 ]
}

try "a node" nexusctl node create survivor --mem 64 --storage 64M
pid=$(inspect survivor pid)
start=$(born "$pid")
try "runs in this kernel" test -n "$start"

for unit in $UNITS; do
	try "restart $unit" systemctl restart "$unit"
	is "$unit: the node lives on" "$(born "$pid")" "$start"
	if within 20 works; then
		pass "$unit: and everything works again"
	else
		fail "$unit: and everything works again"
		unit_log "$unit"
	fi
done

for unit in $UNITS; do
	main=$(systemctl show -P MainPID "$unit")
	[ "${main:-0}" -gt 0 ] || continue
	kill -KILL "$main"
	sleep 1.5
	is "$unit killed: the node lives on" "$(born "$pid")" "$start"
	if within 20 works; then
		pass "$unit killed: and everything works again"
	else
		fail "$unit killed: and everything works again"
		unit_log "$unit"
	fi
done

for unit in nexus-nodes nexus-stop-nodes; do
	if systemctl restart "$unit" >/dev/null 2>&1; then
		fail "$unit, which ends nodes, is not restarted by hand"
	else
		pass "$unit, which ends nodes, is not restarted by hand"
	fi
done

systemctl daemon-reload
systemctl daemon-reexec
try "the units are active after daemon-reload and daemon-reexec" \
    within 20 systemctl -q is-active $ALL_UNITS
is "and the node lives on" "$(born "$pid")" "$start"
try "node delete" nexusctl node delete survivor --force
