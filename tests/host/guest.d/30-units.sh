#!/bin/bash
# Does Nexus start under systemd, every program under its own user?
. "$LIB"

try "systemctl start nexus.target" systemctl start nexus.target
for unit in $ALL_UNITS; do
	if within 30 systemctl -q is-active "$unit"; then
		pass "$unit is active"
	else
		fail "$unit is active"
		unit_log "$unit"
	fi
done

while read -r unit user; do
	pid=$(systemctl show -P MainPID "$unit")
	is "$unit runs as $user" "$(ps -o user:32= -p "$pid")" "$user"
done <<'TABLE'
nexusd nexus
nexus-storaged nexus-storage
nexus-netd nexus-net
nexus-nodemgr nexus-node
nexus-authd nexus-auth
nexus-maild nexus-mail
nexus-gatewayd nexus-gateway
TABLE

restarts=$(systemctl show -P NRestarts $UNITS 2>/dev/null | grep -vx '0\|')
is "none of them had to be restarted" "$restarts" ""
# This kernel has no nf_tables for IPv4 (see 10-host), and netd says so.
warnings=$(journalctl -b -p warning -u 'nexus*' -o cat --no-pager |
	grep -Ev 'event=(no-nat|no-isolation|networks-not-known)')
is "their logs have no warning" "$warnings" ""

# With NAT netd turns on forwarding, which this kernel gives it no reason to: so
# its user and capability try it where it lives.
try "netd's unit lets it turn on forwarding" \
    nsenter -t "$(systemctl show -P MainPID nexus-netd)" -m \
    setpriv --reuid=nexus-net --regid=nexus-net --clear-groups \
    --inh-caps=-all,+net_admin --ambient-caps=+net_admin \
    --bounding-set=-all,+net_admin \
    sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
try "nexusctl status" nexusctl status
note <<<"$out"
note <<<"$(nexusctl doctor 2>&1)"
try "HTTP is answered" curl -sS -m 10 -o /dev/null "$NEXUS_URL/api/files"
