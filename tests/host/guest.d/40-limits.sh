#!/bin/bash
# Are a node's limits what was asked for, and do they hold against
# someone who means to break the host? Promise 6 of the design.
. "$LIB"
needs_nexus

inspect() { # NODE FIELD
	nexusctl node inspect "$1" -o json | jq -r ".$2"
}
memory_free() {
	awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo
}

before=$(memory_free)
try "a neighbour that must not notice" \
    nexusctl node create neighbour --mem 64 --storage 64M
try "a node with 96 MiB, weight 200, 40 processes" \
    nexusctl node create tight --mem 96 --cpu 200 --pids 40 --storage 64M
id=$(inspect tight id)
cgroup=$(find "$NODES_CGROUP" -type d -path "*$id*" | head -n 1)
[ -n "$cgroup" ] || fail "its cgroup is found below $NODES_CGROUP"

is "memory.max is that" "$(cat "$cgroup/memory.max")" $((96 << 20))
is "no swap beside it" "$(cat "$cgroup/memory.swap.max")" 0
is "cpu.weight is that" "$(cat "$cgroup/cpu.weight")" 200
is "pids.max is that" "$(cat "$cgroup/pids.max")" 40
is "inspect reads them back" "$(inspect tight \
    '| "\(.memory) \(.cpu_weight) \(.pids_max) \(.limits_enforced)"')" \
    "$((96 << 20)) 200 40 true"

# A fork bomb: bash, because its jobs make it easy to go on when fork fails.
timeout 20 nexusctl node exec tight -- timeout 10 bash -c '
	bomb() { bomb | bomb & }; bomb; sleep 8' >/dev/null 2>&1
like "a fork bomb hits pids.max" "$(cat "$cgroup/pids.events")" '^max [1-9]'
most=$(cat "$cgroup/pids.peak" 2>/dev/null || cat "$cgroup/pids.current")
try "and no more than 40 processes ever were" test "$most" -le 40
try "the neighbour works meanwhile" \
    timeout 20 nexusctl node exec neighbour -- true
try "the node stops" timeout 60 nexusctl node stop tight
is "and none of its processes is left" \
    "$(cat "$cgroup/pids.current" 2>/dev/null || echo 0)" 0

# Out of memory: the main process of a node, then a guest of a running one.
nexusctl node create hog --mem 64 --storage 64M -- \
    /usr/bin/python3 -c 'b = bytearray(512 << 20)' >/dev/null 2>&1
hog_ended() { [ "$(inspect hog status)" != Running ]; }
try "a main process that exceeds memory.max ends" within 30 hog_ended
like "and is reported as out of memory" "$(inspect hog exit_reason)" \
    'out of memory'
try "with its count" test "$(inspect hog oom_kills)" -ge 1
timeout 60 nexusctl node exec neighbour -- \
    /usr/bin/python3 -c 'b = bytearray(512 << 20)' >/dev/null 2>&1
try "a command that does so is killed" test $? -ne 0
try "and counted" test "$(inspect neighbour oom_kills)" -ge 1

for name in tight hog neighbour; do
	try "node delete $name" nexusctl node delete "$name" --force
done
is "their cgroups are gone" "$(find "$NODES_CGROUP" -path "*$id*")" ""
after=$(memory_free)
note "memory available: $before MiB before, $after MiB after"
for unit in $ALL_UNITS; do
	systemctl -q is-active "$unit" || fail "the host stays well: $unit"
done
is "the host stays well" "$(systemctl is-system-running)" running
