#!/bin/bash
# Is the test host what the other checks take for granted: cgroup v2 with the
# controllers that limit a node, systemd, and the kernel's parts that Nexus
# builds on?
. "$LIB"

note "$(uname -r), systemd $(systemctl --version | awk 'NR == 1 { print $2 }')"

is "cgroup v2 alone is mounted" \
    "$(findmnt -n -o FSTYPE /sys/fs/cgroup)" cgroup2
for controller in cpu memory pids io; do
	try "cgroup controller $controller" \
	    grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers
done

systemd-analyze time | head -n 1 | note
state=$(systemctl is-system-running --wait)
case $state in
running) pass "systemd is running" ;;
degraded)
	pass "systemd is running, degraded"
	systemctl --failed --no-legend --plain | note ;;
*) fail "systemd is running: $state" ;;
esac

for module in loop overlay bridge veth nf_tables; do
	try "module $module" modprobe "$module"
done
try "loop devices belong to the group disk" \
    within 5 test "$(stat -c %G:%a /dev/loop-control)" = disk:660

try "user namespaces" unshare --user --map-root-user true
try "every namespace at once" \
    unshare --user --map-root-user --mount --pid --net --uts --ipc --cgroup \
    --fork --mount-proc true
try "a loop device with an ext4" bash -ec '
	cd $(mktemp -d); truncate -s 32M i; mkfs.ext4 -q i
	mkdir m; mount -o loop i m; echo x >m/f; umount m'
try "bridge and veth" bash -ec '
	ip link add hosttest0 type bridge
	ip link add hosttest1 type veth peer name hosttest2
	ip link set hosttest1 master hosttest0
	ip link del hosttest1; ip link del hosttest0'
# User-Mode Linux is built with nf_tables but without its families ip and
# inet: addresses and routes can be tested there, NAT cannot.
if nft add table ip hosttest 2>/dev/null; then
	try "nftables NAT" bash -ec '
	nft add chain ip hosttest c "{ type nat hook postrouting priority 100; }"
	nft add rule ip hosttest c ip saddr 10.9.8.0/24 masquerade
	nft delete table ip hosttest'
else
	skip "nftables NAT" "this kernel has no nf_tables for IPv4"
fi

# What a limit is worth: a process that wants more memory than its group has
# is ended, and nothing else is.
try "memory.max ends who exceeds it, alone" bash -ec '
	g=/sys/fs/cgroup/hosttest; mkdir $g
	echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
	echo 32M >$g/memory.max
	[ ! -e $g/memory.swap.max ] || echo 0 >$g/memory.swap.max
	if bash -c "echo \$\$ >$g/cgroup.procs; exec python3 -c \"b = bytearray(100 << 20)\""
	then exit 1; fi
	grep -q "^oom_kill [1-9]" $g/memory.events
	rmdir $g'
