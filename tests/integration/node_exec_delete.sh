#!/bin/bash
# exec-delete: nodes are deleted by force while commands run in them and their
# list is asked for. The commands are nodemgr's children; if it waited for the
# node's first process, which the kernel keeps until the last of them has been
# reaped, it would never answer again.
. "$(dirname "$0")/lib.sh"
[ -z "${NEXUS_BIN:-}" ] || PATH=$NEXUS_BIN:$PATH
export NEXUS_SOCK

register "$(unique exd)" || exit 1
rounds=0 slow=0
for round in 1 2 3 4 5 6; do
	name=$(unique ed)
	nexusctl node create "$name" --storage 16M >/dev/null 2>&1 || break
	for _ in 1 2 3 4 5; do
		timeout 60 nexusctl node exec "$name" -- sleep 1000 \
		    </dev/null >/dev/null 2>&1 &
	done
	# in some rounds they are on their way in
	sleep "0.$((round * 7 % 10))"
	timeout 20 nexusctl node delete "$name" --force >/dev/null 2>&1 &
	deletion=$!
	for _ in 1 2 3 4 5; do
		http GET /api/nodes -m 15
		[ "$code" = 200 ] || slow=$((slow + 1))
	done
	wait "$deletion" || break
	rounds=$((rounds + 1))
done
is "every node was deleted" "$rounds" 6
is "everybody was answered meanwhile" "$slow" 0
wait
try "nodemgr answers" timeout 10 nexusctl node ls
is "no cgroup is left" "$(cgroups | grep -c '/nodes/')" 0
done_testing
