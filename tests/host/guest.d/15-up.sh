#!/bin/bash
# `make up` on a host with systemd and cgroup v2: the same as from a clone
# anywhere, but limits are enforced here. Before anything is installed, so that
# it has only what it brings along.
. "$LIB"

dir=$(mktemp -d /var/tmp/up.XXXXXX)
listing() {
	find /sys/fs/cgroup -maxdepth 1 -name '*nexus*'
	ip -o link | awk -F'[ :@]+' '{ print "link " $2 }'
	losetup -lnO NAME | sed 's/^/loop /'
	awk '{ print "mount " $5 }' /proc/self/mountinfo | grep -v systemd
	sysctl net.ipv4.ip_forward
	pgrep -l 'nexus|nodemgr|storaged|netd|authd|maild|gatewayd'
	nft list tables
}
listing >"$dir/before"

BUILD=${BIN%/bin} "$SRC/packaging/up.sh" 8088 --state "$dir/up" \
    --layout "$SRC/packaging/tmpfiles.d/nexus.conf" >"$dir/log" 2>&1 &
up=$!
for _ in $(seq 600); do
	[ ! -s "$dir/up/nexus.env" ] || break
	kill -0 "$up" 2>/dev/null || break
	sleep 0.1
done
is "it starts" "$([ -s "$dir/up/nexus.env" ] && echo yes)" yes
[ -s "$dir/up/nexus.env" ] || sed 's/^/# /' "$dir/log"
set -a
. "$dir/up/nexus.env"
set +a
ctl=$BIN/nexusctl

is "limits are enforced here" \
    "$(sed -n 's/^limits = //p' "$dir/up/etc/nexus.conf")" enforce
try "a node with 64 MiB" "$ctl" node create web --mem 64 --storage 64M
group=$(find /sys/fs/cgroup/nexus-up-* -path '*nodemgr/*' -name memory.max \
    -exec grep -lx 67108864 {} + | head -n 1)
is "the kernel knows its limit" "$(cat "$group")" 67108864
is "and everything of Nexus is in one cgroup" \
    "$(grep -l . /sys/fs/cgroup/nexus-up-*/daemons/cgroup.procs | wc -l)" 1
is "the node has its network" \
    "$("$ctl" node exec web -- /bin/cat /sys/class/net/eth0/operstate)" up
old=$NEXUS_PID_nodemgr
kill -KILL "$old"
within 20 sh -c "! grep -q '^NEXUS_PID_nodemgr=$old\$' '$dir/up/nexus.env'"
is "nodemgr comes back beside its nodes" "$?" 0
try "which it still knows" "$ctl" node exec web -- /bin/true
out=$("$ctl" node exec web -- /usr/bin/python3 -c 'x = b"x" * (200 << 20)' 2>&1)
is "beyond its memory it cannot go" "$?" 137

kill -INT "$up"
status=0
wait "$up" || status=$?
is "Ctrl-C ends it with status 0" "$status" 0
[ "$status" -eq 0 ] || tail -n 20 "$dir/log" | sed 's/^/# /'
for _ in $(seq 30); do
	listing >"$dir/after"
	! cmp -s "$dir/before" "$dir/after" || break
	sleep 0.2
done
is "nothing is left behind" "$(diff "$dir/before" "$dir/after")" ""

BUILD=${BIN%/bin} "$SRC/packaging/up.sh" 8088 --state "$dir/up" \
    --layout "$SRC/packaging/tmpfiles.d/nexus.conf" >"$dir/log" 2>&1 &
up=$!
for _ in $(seq 600); do
	[ ! -s "$dir/up/nexus.env" ] || break
	kill -0 "$up" 2>/dev/null || break
	sleep 0.1
done
for _ in $(seq 50); do
	out=$("$ctl" node ls 2>&1 | grep -c 'web.*Running')
	[ "$out" != 1 ] || break
	sleep 0.2
done
is "started again, the node runs again" "$out" 1
kill -KILL "$up"
wait "$up" 2>/dev/null
for _ in $(seq 50); do
	listing >"$dir/after"
	! cmp -s "$dir/before" "$dir/after" || break
	sleep 0.2
done
is "killed, it leaves nothing behind either" \
    "$(diff "$dir/before" "$dir/after")" ""
rm -rf --one-file-system "$dir"
