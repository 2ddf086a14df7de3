#!/bin/bash
# netd is killed again and again while nodes come and go: each operation works
# or says why not, and afterwards the kernel has exactly the links of the nodes
# that run.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh

base=$(unique kill)
tmp=$(mktemp -d)
finish() {
	local i
	for i in $(seq 12); do
		nexusctl node delete --force "$base-$i" >/dev/null 2>&1
	done
	rm -rf "$tmp"
}
trap finish EXIT

running() {
	nexusctl -o json node ls | jq -r \
	    '.. | objects | select(.status? == "Running") | "nex-" + .id[:10]' |
		sort -u
}

# Without the digit that tells successive links of a node apart.
links() {
	ip -o link show master nexus0 | awk -F'[ :@]+' '{ print $2 }' |
		sed 's/.$//' | sort -u
}

settled() {
	for _ in $(seq 60); do
		running >"$tmp/running"
		links >"$tmp/links"
		! cmp -s "$tmp/running" "$tmp/links" || return 0
		sleep 0.1
	done
	return 1
}

kill_netd() {
	pkill -KILL -P "$NEXUS_PID_nexus_up" -x netd
	sleep 0.4
}

settled
is "before: a link for every running node" "$?" 0

for i in $(seq 12); do
	nexusctl node create "$base-$i" --storage 32M >"$tmp/out.$i" 2>&1 ||
		echo "$i" >>"$tmp/failed"
done &
makers=$!
for _ in $(seq 4); do
	kill_netd
done
wait "$makers"
made=$((12 - $(wc -l <"$tmp/failed" 2>/dev/null || echo 0)))
echo "# $made of 12 nodes were made meanwhile"
is "who failed was told why" "$(
	for i in $(cat "$tmp/failed" 2>/dev/null); do
		grep -q nexusctl: "$tmp/out.$i" || echo "$i"
	done)" ""
settled
is "then too" "$(diff "$tmp/running" "$tmp/links")" ""
try "and a node can be made" nexusctl node create "$base-last" --storage 32M
try "that has its network" nexusctl node exec "$base-last" -- \
    /usr/bin/python3 -I -c 'import socket
s = socket.socket()
s.settimeout(3)
try: s.connect(("10.0.42.1", 9))
except ConnectionRefusedError: pass'
nexusctl node delete --force "$base-last" >/dev/null 2>&1

for i in $(seq 12); do
	nexusctl node delete --force "$base-$i" >/dev/null 2>&1
done &
breakers=$!
kill_netd
kill_netd
wait "$breakers"
settled
is "nodes deleted meanwhile leave no link" \
    "$(diff "$tmp/running" "$tmp/links")" ""
is "and none of the nodes is left" "$(nexusctl node ls | grep -c "$base")" 0
done_testing
