#!/bin/bash
# limit: 1800
# (Two replicas of it have to fit on three nodes.)
# Uploading BIG_MB (2048) MiB goes through memory in small pieces: the peak of
# what gatewayd has in memory stays below 16 MB, that of storaged below 64 MB.
set -u
. "$(dirname "$0")/lib.sh"
megabytes=${BIG_MB:-2048}
need=$((megabytes * 3))
room=$(df --output=avail -BM "${NEXUS_DIR:-/var/tmp}" | tail -n 1 | tr -dc 0-9)
if [ "$room" -lt "$need" ]; then
	skip "a large upload" "it needs $need MB of disk, $room are free"
	done_testing
	exit
fi

# peak NAME: kB. The mark is set back beforehand, where the kernel lets us.
peak() {
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$(pgrep -x "$1" | head -n 1)/status"
}

user=$(unique big)
try "a user registers" register "$user"
try "with room for it" nexusctl user quota "$user" 10G
for i in 1 2 3; do
	json /api/nodes "{\"name\": \"$user-$i\",
	    \"storage_size\": \"$((megabytes * 3 / 4 + 128))M\"}"
	is "node $i is made" "$code" 201
	nodes="${nodes:-} $(field id)"
done
for name in gatewayd storaged; do
	echo 5 >"/proc/$(pgrep -x "$name" | head -n 1)/clear_refs" 2>/dev/null
	echo "# $name before: $(peak "$name") kB"
done

# What is sent is made on the way: nothing of it is a file here. Its sum is
# taken on the way, too.
sum=$(mktemp)
began=$(date +%s%N)
http PUT "/api/files/big" -T - -H 'Content-Type: application/octet-stream' < <(
	openssl enc -aes-128-ctr -pass pass:"$user" -nosalt -pbkdf2 </dev/zero 2>/dev/null |
	    head -c "${megabytes}M" | tee >(md5sum >"$sum"))
ended=$(date +%s%N)
like "$megabytes MiB are uploaded" "$code" '^20[01]$'
is "all of them" "$(field size)" $((megabytes << 20))
file=$(field id)
echo "# $((megabytes * 1000 / ((ended - began) / 1000000 + 1))) MiB/s"
for pair in gatewayd:16000 storaged:64000; do
	name=${pair%:*} limit=${pair#*:}
	got=$(peak "$name")
	echo "# $name: peak $got kB"
	if [ "$got" -lt "$limit" ]; then
		pass "$name stayed below $limit kB"
	else
		fail "$name stayed below $limit kB" "peak: $got kB"
	fi
done
got=$(curl -sS -H "Authorization: Bearer $token" \
    "$NEXUS_URL/api/files/$file/download" | md5sum)
for _ in $(seq 600); do
	[ ! -s "$sum" ] || break
	sleep 0.1
done
is "it comes back as it was" "$got" "$(cat "$sum")"
for pair in gatewayd:16000 storaged:64000; do
	name=${pair%:*} limit=${pair#*:}
	got=$(peak "$name")
	[ "$got" -lt "$limit" ] && pass "$name also when sending: $got kB" ||
	    fail "$name also when sending" "peak: $got kB"
done
rm -f "$sum"
http DELETE "/api/files/$file"
for id in $nodes; do
	http DELETE "/api/nodes/$id?force=true"
done
like "and away again" "$code" '^20[04]$'
done_testing
