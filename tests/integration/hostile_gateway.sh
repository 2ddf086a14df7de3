#!/bin/bash
# limit: 600
# A gateway that an attacker has taken over: see hostile_gateway.c. Here its
# victims are made, and afterwards it is seen that the daemons are the same, hold
# nothing of it, and that what was Ada's is still there.
set -u
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
dir=$(mktemp -d /var/tmp/nexus-hostile.XXXXXX)
trap 'rm -rf "$dir"' EXIT
head -c 100K /dev/urandom >"$dir/file"
ada=$(unique ada)

daemons() {
	pgrep -x 'nexusd|nodemgr|storaged|netd|authd|maild|gatewayd' | sort
}

census() {
	local i
	for i in $(seq 60); do
		python3 "$here/census.py" | sort >"$1"
		[ $# -gt 1 ] && ! cmp -s "$1" "$2" || return
		sleep 0.5
	done
}

try "Ada registers" register "$ada"
ada_token=$token
json /api/nodes "{\"name\": \"$ada\", \"storage_size\": \"64M\"}"
is "she has a node" "$code" 201
node=$(field id)
http POST /api/files/upload -F "file=@$dir/file"
is "she has a file" "$code" 200
file=$(field id)
try "Bob registers" register "$(unique bob)"
bob_token=$token
http GET /api/files
daemons >"$dir/pids"
census "$dir/before"

"$BUILD/tests/integration/hostile_gateway" "$NEXUS_SOCK" "$ada_token" \
    "$bob_token" "$file" "$node" >"$dir/out" 2>"$dir/err"
status=$?
# Its tests are numbered on from ours.
while IFS= read -r line; do
	case $line in
	"ok "* | "not ok "*)
		tests=$((tests + 1))
		[ "${line%% *}" = ok ] || bad=$((bad + 1))
		sed -E "s/ok [0-9]+ /ok $tests /" <<<"$line" ;;
	1..*) ;;
	*) echo "$line" ;;
	esac
done <"$dir/out"
[ "$status" -le 1 ] || fail "it came to its end" "$(cat "$dir/err")"

is "every daemon is the one it was" "$(daemons)" "$(cat "$dir/pids")"
census "$dir/after" "$dir/before"
same "none of them holds on to anything of it" "$dir/before" "$dir/after"
token=$ada_token
http GET /api/files
is "the real gateway has heard that Ada signed out" "$code" 401
json /auth/login/init "{\"Username\": \"$ada\", \"Password\": \"correct horse battery\"}"
json /auth/login/verify "{\"Email\": \"$ada@example.org\",
    \"Code\": \"$(newest_code "$ada@example.org")\"}"
token=$(field token)
curl -sS -o "$dir/back" -H "Authorization: Bearer $token" \
    "$NEXUS_URL/api/files/$file/download"
try "Ada's file is what it was" cmp "$dir/file" "$dir/back"
http GET "/api/nodes/$node"
is "Ada's node runs" "$(field status)" Running
http DELETE "/api/files/$file"
http DELETE "/api/nodes/$node?force=true"
like "and goes when she says so" "$code" '^20[04]$'
done_testing
