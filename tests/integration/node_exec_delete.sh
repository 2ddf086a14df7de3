#!/bin/bash
# exec-delete: nodes are deleted by force while commands run in them and their
# list is asked for. The commands are nodemgr's children; if it waited for the
# node's first process, which the kernel keeps until the last of them has been
# reaped, it would never answer again.
. "$(dirname "$0")/lib.sh"
[ -z "${NEXUS_BIN:-}" ] || PATH=$NEXUS_BIN:$PATH
export NEXUS_SOCK

register "$(unique exd)" || exit 1
rounds=0 asking=() lists=$(mktemp)
for round in 1 2 3 4 5 6 7 8 9 10; do
	name=$(unique ed)
	nexusctl node create "$name" --storage 16M >/dev/null 2>&1 || break
	for _ in 1 2 3 4 5 6 7 8; do
		timeout 60 nexusctl node exec "$name" -- sleep 1000 \
		    </dev/null >/dev/null 2>&1 &
	done
	# in some rounds they are on their way in
	sleep "0.$((round * 7 % 10))"
	for _ in 1 2 3 4; do
		curl -sS -m 15 -o /dev/null -w '%{http_code}\n' \
		    -H "Authorization: Bearer $token" \
		    "$NEXUS_URL/api/nodes#[1-25]" >>"$lists" 2>/dev/null &
		asking+=($!)
	done
	timeout 20 nexusctl node delete "$name" --force >/dev/null 2>&1 || break
	wait "${asking[@]}"
	asking=()
	rounds=$((rounds + 1))
done
is "every node was deleted" "$rounds" 10
is "everybody was answered meanwhile" \
    "$(grep -c '^200$' "$lists")" $((10 * 4 * 25))
wait
rm -f "$lists"
try "nodemgr answers" timeout 10 nexusctl node ls
is "no cgroup is left" "$(cgroups | grep -c '/nodes/')" 0
done_testing
