#!/bin/bash
# systemctl stop leaves nothing behind, and the next start finds the nodes that
# ran again. Promises 5 and 8 of the design.
. "$LIB"
needs_nexus

all_stopped() {
	! systemctl -q is-active $ALL_UNITS &&
	    [ -z "$(systemctl list-jobs --no-legend 'nexus*')" ]
}
status_of() {
	nexusctl node inspect "$1" -o json 2>/dev/null | jq -r .status
}
is_running() { [ "$(status_of "$1")" = Running ]; }

try "a node that runs" nexusctl node create kept --mem 64 --storage 64M
try "a node that is stopped" \
    nexusctl node create idle --mem 64 --storage 64M
try "node stop" nexusctl node stop idle

systemctl stop nexus.target
if within 60 all_stopped; then
	pass "everything stops"
else
	fail "everything stops" "$(systemctl list-units --no-legend 'nexus*')"
fi
is "no process is left" "$(ps -eo user:20=,args= | grep '^nexus')" ""
is "no mount is left" "$(awk '/nexus/ && $5 != "/src" && $5 != "/out" {
	print $5 }' /proc/self/mountinfo)" ""
is "no loop device is left" "$(losetup -ln)" ""
is "no link of a node is left" "$(ip -o link | grep -i ': nex-')" ""
is "no cgroup but the empty slices is left" \
    "$(find /sys/fs/cgroup/nexus.slice -mindepth 1 -type d ! -name '*.slice')" ""
is "no failed unit is left" \
    "$(systemctl list-units --failed --no-legend 'nexus*')" ""

try "it starts again" systemctl start nexus.target
try "the node that ran runs again" within 30 is_running kept
is "the one that was stopped is not" "$(status_of idle)" Stopped
for name in kept idle; do
	try "node delete $name" nexusctl node delete "$name" --force
done
