#!/bin/bash
# Does `make install` put everything in place, so that users, directories and
# units are what packaging/ promises? The programs are those of the checkout.
. "$LIB"

try "install.sh" "$SRC/packaging/install.sh" "" "$BIN"
is "every library is in packaging/deps/run.list" \
    "$(ldd /usr/lib/nexus/* /usr/bin/nexusctl 2>/dev/null |
	grep 'not found' | sort -u)" ""

for user in nexus nexus-node nexus-storage nexus-net nexus-auth nexus-mail \
    nexus-gateway; do
	try "user $user" getent passwd "$user"
done
try "group nexus-admin" getent group nexus-admin

is "each directory belongs to one program, closed to the others" "$(
	cd /var/lib/nexus &&
	find . -type d -printf '%m %u %P\n' | sort -k3)" "\
711 root 
700 nexus-auth auth
700 nexus-auth auth/keys
711 nexus-node images
700 nexus-mail mail
700 nexus-node nodes
700 nexus-node nodes/logs
700 nexus-storage storage
700 nexus-storage volumes"

cd /usr/lib/systemd/system || exit
verified=$(systemd-analyze verify --man=no nexus*.service nexus*.socket \
    nexus.target 2>&1 | grep -i nexus)
is "systemd-analyze verify has nothing to say" "$verified" ""

# What a unit starts with: the capabilities its program keeps, those it gives
# up after its first steps (SYS_CHROOT), and SETPCAP to empty its bounding set.
is "a unit's capabilities are its program's" "$(
	grep -h '^AmbientCapabilities=\|^ExecStart=' nexus*.service |
	    sed -n 's,^ExecStart=/usr/lib/nexus/,,p; s/^Ambient.*=//p' |
	    paste -d: - - | sort)" "\
authd:CAP_SETPCAP
gatewayd:CAP_SYS_CHROOT CAP_SETPCAP
maild:CAP_SETPCAP
netd:CAP_NET_ADMIN CAP_SETPCAP
nexusd:CAP_SYS_CHROOT CAP_SETPCAP
nodemgr:CAP_SYS_ADMIN CAP_SETUID CAP_SETGID CAP_SETPCAP
storaged:CAP_SYS_ADMIN CAP_SETPCAP"

# Exposure as systemd counts it, in tenths: a floor under what the programs do
# themselves, and a gate against losing a directive.
while read -r unit most; do
	out=$(systemd-analyze security --offline=true --threshold="$most" \
	    "$unit" 2>&1)
	status=$?
	is "exposure of $unit is at most $most (${out##*: })" "$status" 0
done <<'TABLE'
nexusd.service 15
nexus-authd.service 10
nexus-maild.service 17
nexus-gatewayd.service 16
nexus-netd.service 23
nexus-storaged.service 20
nexus-nodemgr.service 46
nexus-stop-nodes.service 50
TABLE
