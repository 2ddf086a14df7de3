#!/bin/bash
. "$LIB"
$SRC/packaging/install.sh "" $SRC/build/fake 2>&1 | note
ls -ld /run/nexus /var/lib/nexus /var/lib/nexus/* | note
time systemctl start nexus.target
sleep 3
U="nexus.target nexus-http.socket nexusd nexus-storaged nexus-netd nexus-nodes nexus-nodemgr nexus-authd nexus-maild nexus-gatewayd nexus-autostart"
systemctl is-active $U | paste -sd' ' | note
systemctl list-units 'nexus*' --all --no-pager --plain| note
journalctl -b -u 'nexus*' --no-pager -o cat | grep -v '^Start' | note
journalctl -b -p warning --no-pager | tail -30 | note
CG='/sys/fs/cgroup/nexus.slice/nexus-nodes.slice/nexus-nodes.service/nodes'
ls -ld $CG $CG/cgroup.procs $CG/../../cgroup.procs $CG/a/cgroup.procs | note
cat $CG/a/cgroup.procs $CG/cgroup.subtree_control $CG/a/pids.max | note
for u in $U; do case $u in nexus-nodes|nexus.target) continue;; esac
systemctl restart $u; echo "restart $u: $? alive: $(cat $CG/a/cgroup.procs)" | note; done
systemctl daemon-reload; systemctl daemon-reexec; sleep 1; systemctl restart nexus-nodemgr; 
pid=$(systemctl show -p MainPID --value nexus-nodemgr); [ "$pid" = 0 ] || kill -9 $pid; sleep 3
systemctl is-active $U | paste -sd' ' | note
echo "alive $(cat $CG/a/cgroup.procs) subtree: $(cat $CG/cgroup.subtree_control) pids $(cat $CG/a/pids.max) slice: $(ls -l $CG/../../cgroup.procs)" | note
systemctl restart nexus-nodes 2>&1 | note
# oom
(echo $BASHPID > $CG/a/cgroup.procs; exec python3 -c 'bytearray(100<<20)') 2>&1 | note; sleep 1
cat $CG/a/memory.events | note; systemctl is-active nexus-nodes nexus-nodemgr| note
echo "alive $(cat $CG/a/cgroup.procs)" | note
time systemctl stop nexus.target; sleep 1
systemctl list-units 'nexus*' --all --no-pager --plain| note
ls $CG 2>&1| note
ps ax | grep -E '[s]leep 1000|[f]ake' | note
systemctl start nexus.target;  systemctl is-active $U | paste -sd' ' | note
systemctl restart nexus.target;  systemctl is-active $U | paste -sd' ' | note
journalctl -b -u nexus-nodemgr --no-pager -o cat | tail -15 | note
systemctl --failed --no-legend| note
ok x
