#!/bin/bash
# limit: 900
# Nothing leaks: after a run of operations, those that succeed, those that fail
# and those that are broken off, there are as many mounts, loop devices, links,
# namespaces, cgroups, descriptors and threads as before.
set -u
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
dir=$(mktemp -d /var/tmp/nexus-leaks.XXXXXX)
trap 'rm -rf "$dir"' EXIT
head -c 12M /dev/urandom >"$dir/file"
rounds=${LEAK_ROUNDS:-5} ids=

# settle FILE [WANTED]: a census into FILE, once it has stopped moving: what is
# put away in the background (a link, an old process) may take its time.
settle() {
	local i
	for i in $(seq 60); do
		python3 "$here/census.py" $ids | sort >"$1"
		sleep 0.5
		python3 "$here/census.py" $ids | sort >"$dir/again"
		cmp -s "$1" "$dir/again" || continue
		[ $# -gt 1 ] && ! cmp -s "$1" "$2" && continue
		return
	done
}

make_node() {
	json /api/nodes "{\"name\": \"$1\", \"memory_mb\": 64,
	    \"storage_size\": \"${2:-64M}\"}"
	[ "$code" != 201 ] || ids="$ids $(field id)"
}

round() {
	local name=$1 node file i
	# what succeeds
	make_node "$name" 96M
	node=$(field id)
	http POST /api/files/upload -F "file=@$dir/file"
	file=$(field id)
	curl -sS -o /dev/null -H "Authorization: Bearer $token" \
	    "$NEXUS_URL/api/files/$file/download"
	json /api/fs/mkdir '{"path": "/x"}'
	http POST /api/fs/upload -F path=/x -F "file=@$dir/file"
	json /api/fs/move '{"old_path": "/x", "new_path": "/y"}'
	http DELETE '/api/fs/delete?path=/y'
	json /api/lambda/run '{"Code": "print(1)", "Runtime": "python3"}'
	http POST "/api/nodes/$node/stop"
	http POST "/api/nodes/$node/start"
	nexusctl node exec "$node" -- true >/dev/null
	# what fails
	make_node "$name" 64M
	make_node Bad-Name 64M
	make_node "$name-2" 1M
	make_node "$name-3" 900T
	json /api/nodes "{\"name\": \"$name-4\", \"storage_size\": \"64M\",
	    \"image\": \"no-such-image\"}"
	json /api/lambda/run '{"Code": "while True: pass", "Runtime": "python3",
	    "timeout_ms": 300}'
	json /api/lambda/run '{"Code": "x = \"x\" * (1 << 40)", "Runtime": "python3"}'
	json /api/lambda/run '{"Code": "1", "Runtime": "cobol"}'
	json /api/fs/move '{"old_path": "/no", "new_path": "/where"}'
	http GET "/api/files/00000000000000000000000000000000/download"
	nexusctl node exec "$node" -- /no/such/program >/dev/null 2>&1
	nexusctl file download "$file" /no/such/directory/x >/dev/null 2>&1
	timeout 0.5 nexusctl node exec "$node" -- sleep 3600
	# what is broken off: a body cut short, a download nobody wants to the end
	for i in 1 2 3; do
		curl -sS -m 0.3 --limit-rate 2M -o /dev/null \
		    -H "Authorization: Bearer $token" \
		    -F "file=@$dir/file" "$NEXUS_URL/api/files/upload"
		curl -sS -m 0.3 --limit-rate 1M -o /dev/null \
		    -H "Authorization: Bearer $token" \
		    "$NEXUS_URL/api/files/$file/download"
	done 2>/dev/null
	# and everything away again
	http DELETE "/api/files/$file"
	http DELETE "/api/nodes/$node?force=true"
	like "$name: the node is deleted" "$code" '^20[04]$'
}

try "a user registers" register "$(unique leak)"
# The first round opens what then stays open (databases, pools).
round "$(unique l)"
settle "$dir/before"
for i in $(seq "$rounds"); do
	round "$(unique l)"
done
settle "$dir/after" "$dir/before"
same "nothing is left of $rounds rounds" "$dir/before" "$dir/after"
is "no loop device is left on any of the nodes' images" \
    "$(awk '$1 == "loops" { print $2 }' "$dir/after")" 0
http GET /api/nodes
is "no node is left" "$(jq length <<<"$body")" 0
http GET /api/files
is "no file is left" "$(jq length <<<"$body")" 0
done_testing
