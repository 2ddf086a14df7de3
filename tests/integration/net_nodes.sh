#!/bin/bash
# The network of nodes, as nodes see it: to the host, to each other, to the
# outside, as nobody else, and across a restart of netd.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh

a=$(unique neta) b=$(unique netb) c=$(unique netc) outside=
other=$(unique netuser)
finish() {
	nexusctl node delete --force "$a" >/dev/null 2>&1
	nexusctl node delete --force "$b" >/dev/null 2>&1
	nexusctl --user "$other" node delete --force "$c" >/dev/null 2>&1
	nexusctl user delete "$other" >/dev/null 2>&1
	[ -z "$outside" ] || kill "$outside"
	[ -z "$server" ] || kill "$server"
	ip link del nexus-test 2>/dev/null
}
server=
trap finish EXIT

# inside NODE COMMAND...
inside() {
	local node=$1
	shift
	nexusctl node exec "$node" -- "$@"
}

# python NODE PROGRAM ARGUMENT...
python() {
	local node=$1
	shift
	inside "$node" /usr/bin/python3 -I -c "$@"
}

# What a server at ADDRESS PORT answers [to SOURCE].
ask='
import socket, sys
source = (sys.argv[3], 0) if len(sys.argv) > 3 else None
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3, source)
    print(s.makefile().readline().strip())
except OSError as e:
    print("error", type(e).__name__)'

# say FROM-NODE ADDRESS PORT [SOURCE]
say() {
	python "$1" "$ask" "${@:2}"
}

# A server that tells who called.
listen='
import socket, sys
s = socket.create_server(("0.0.0.0", int(sys.argv[1])))
while True:
    c, who = s.accept()
    c.sendall(("hello " + who[0] + "\n").encode())
    c.close()'

links() {
	ip -o link show master nexus0 | wc -l
}

until_links() {
	for _ in $(seq 50); do
		[ "$(links)" -ne "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

before=$(links)
try "a node" nexusctl node create "$a" --storage 32M
try "and another" nexusctl node create "$b" --storage 32M
ip_a=$(nexusctl -o json node inspect "$a" | jq -r .ip)
ip_b=$(nexusctl -o json node inspect "$b" | jq -r .ip)
like "have addresses in the bridge's subnet" "$ip_a $ip_b" \
    '^10\.0\.42\.[0-9]+ 10\.0\.42\.[0-9]+$'
is "and a link each" "$(links)" $((before + 2))
like "called nex- and the id" \
    "$(ip -o link show master nexus0 | awk -F'[ :@]+' '{ print $2 }')" \
    "nex-$(nexusctl -o json node inspect "$a" | jq -r .id | cut -c1-10)"

# --- whom they reach -----------------------------------------------------------
# listening PORT [NSENTER ARGUMENT...]: waits for a server there
listening() {
	local port=$1
	shift
	for _ in $(seq 100); do
		! "$@" ss -Hltn "sport = :$port" | grep -q . || return 0
		sleep 0.1
	done
}

python3 -c "$listen" 4242 &
server=$!
listening 4242
like "a node reaches no service of the host" "$(say "$a" 10.0.42.1 4242)" \
    "error ConnectionRefused"
python "$b" "$listen" 4243 >/dev/null 2>&1 &
for _ in $(seq 20); do
	case $(say "$a" "$ip_b" 4243) in hello*) break ;; esac
	sleep 0.2
done
is "but the owner's other node" "$(say "$a" "$ip_b" 4243)" "hello $ip_a"

# A node of somebody else.
register "$other"
try "somebody else's node" nexusctl --user "$other" node create "$c" --storage 32M
ip_c=$(nexusctl -o json --user "$other" node inspect "$c" | jq -r .ip)
nexusctl --user "$other" node exec "$c" -- /usr/bin/python3 -I -c "$listen" 4243 \
    >/dev/null 2>&1 &
for _ in $(seq 50); do
	out=$(python3 -c "$ask" "$ip_c" 4243)
	case $out in hello*) break ;; esac
	sleep 0.2
done
is "is reached by the host" "$out" "hello 10.0.42.1"
like "and not by a node of others" "$(say "$a" "$ip_c" 4243)" "error"

# Somewhere else: a neighbour of the host, and a network behind it.
unshare --net sleep 300 &
outside=$!
# Until it has entered its namespace, it is still in ours.
until [ "$(readlink /proc/$outside/ns/net)" != \
    "$(readlink /proc/self/ns/net)" ]; do
	sleep 0.05
done
ip link add nexus-test type veth peer name eth0 netns "$outside"
ip addr add 192.0.2.1/24 dev nexus-test
ip addr add 172.20.0.1/24 dev nexus-test
ip link set nexus-test up
nsenter -t "$outside" -n sh -c 'ip link set lo up; ip link set eth0 up
	ip addr add 192.0.2.2/24 dev eth0; ip addr add 172.20.0.2/24 dev eth0
	ip addr add 198.51.100.9/32 dev lo'
ip route add 198.51.100.0/24 via 192.0.2.2
sleep 0.5 # netd looks at the routes
nsenter -t "$outside" -n python3 -c "$listen" 4244 &
listening 4244 nsenter -t "$outside" -n
is "a node reaches the outside, as the host" \
    "$(say "$a" 198.51.100.9 4244)" "hello 192.0.2.1"
like "not the host's neighbour" "$(say "$a" 192.0.2.2 4244)" "error"
like "nor a private address of it" "$(say "$a" 172.20.0.2 4244)" "error"
like "nor a link-local one" "$(say "$a" 169.254.169.254 4244)" "error"
nsenter -t "$outside" -n ip route add 10.0.42.0/24 via 192.0.2.1
out=$(nsenter -t "$outside" -n timeout 10 python3 -c '
import socket, sys
socket.create_connection((sys.argv[1], 4243), 1)' "$ip_b" 2>&1)
like "the outside does not reach a node" "$out" "timed out"

# --- as whom -------------------------------------------------------------------
python "$a" '
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def address(name, ip):
    fcntl.ioctl(s, 0x8916, struct.pack("16sH2s4s8s", name, 2, b"", socket.inet_aton(ip), b""))
address(b"eth0:1", "10.0.42.250")' >/dev/null 2>&1 &&
	like "no node speaks as another" \
	    "$(say "$a" 198.51.100.9 4244 10.0.42.250)" error ||
	skip "no node speaks as another" "nodes have no right to add addresses"

# --- while netd restarts ---------------------------------------------------------
netd() {
	pgrep -P "$NEXUS_PID_nexus_up" -x netd
}
old=$(netd)
kill -KILL "$old"
for _ in $(seq 100); do
	new=$(netd)
	[ -z "$new" ] || [ "$new" = "$old" ] || break
	sleep 0.1
done
sleep 0.5
is "netd's restart is not noticed by nodes" \
    "$(say "$a" 198.51.100.9 4244)" "hello 192.0.2.1"
try "a node is deleted after it" nexusctl node delete --force "$b"
until_links $((before + 2))
# That of the other user is there all the while.
is "and its link is gone" "$(links)" $((before + 2))
try "its address is given to the next" nexusctl node create "$b" --storage 32M
is "which talks to the outside" "$(say "$b" 198.51.100.9 4244)" \
    "hello 192.0.2.1"
nexusctl node stop "$b" >/dev/null
until_links $((before + 2))
is "a stopped node has no link" "$(links)" $((before + 2))
try "started again" nexusctl node start "$b"
is "it talks again" "$(say "$b" 198.51.100.9 4244)" "hello 192.0.2.1"
done_testing
