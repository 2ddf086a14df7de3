#!/bin/bash
# limit: 600
# Bad input gets the right status and a sentence, and changes nothing.
set -u
. "$(dirname "$0")/lib.sh"
dir=$(mktemp -d /var/tmp/nexus-bad.XXXXXX)
trap 'rm -rf "$dir"' EXIT
head -c 100K /dev/urandom >"$dir/file"
user=$(unique bad)
host=${NEXUS_URL#http://} port=${host##*:} host=${host%:*}

# snapshot FILE: everything of the user, and what the platform keeps for it.
snapshot() {
	nexusctl --user "$user" -o json node ls |
		jq -S 'map(del(.oom_kills))'
	nexusctl --user "$user" -o json file ls | jq -S .
	nexusctl --user "$user" -o json fs ls / | jq -S .
	# A folder that was made and deleted is history.
	nexusctl -o json user info "$user" |
		jq -S 'walk(if type == "object" then del(.history) else . end)'
	nexusctl -o json volume ls | jq -S 'map(del(.free))'
} >"$1" 2>&1

# refused NAME STATUS [PATTERN]: of the answer in $code and $body.
refused() {
	local sentence
	sentence=$(field error)
	if ! grep -Eq "^($2)$" <<<"$code"; then
		fail "$1" "status $code, wanted $2: $body"
	elif [ "${#sentence}" -lt 12 ]; then
		fail "$1: says why" "$body"
	elif ! grep -Eq '^[^a-z].*[.?!]$' <<<"$sentence"; then
		fail "$1: says it in a whole sentence" "$sentence"
	elif [ -n "${3:-}" ] && ! grep -Eiq -- "$3" <<<"$sentence"; then
		fail "$1: says why" "$sentence" "wanted something like: $3"
	else
		pass "$1: $code, \"$sentence\""
	fi
}

# ctl_refused NAME EXIT COMMAND...
ctl_refused() {
	local name=$1 wanted=$2 said status=0
	shift 2
	said=$("$@" 2>&1 >/dev/null) || status=$?
	if [ "$status" != "$wanted" ]; then
		fail "nexusctl: $name" "exit $status, wanted $wanted: $said"
	elif [ "${#said}" -lt 20 ]; then
		fail "nexusctl: $name: says why" "$said"
	elif grep -Eq '^nexusctl: [A-Z][a-z]* |[^.]\.$' <<<"$said"; then
		fail "nexusctl: $name: says it behind its name" "$said"
	else
		pass "nexusctl: $name: $status, \"${said#nexusctl: }\""
	fi
}

node() {
	json /api/nodes "$1"
}

# raw BYTES: says them on a connection of its own and reads to the end; the
# last status line goes to $code, what follows the head to $body.
raw() {
	local answer
	exec 9<>"/dev/tcp/$host/$port" || return
	printf '%b' "$1" >&9
	[ "${2:-}" != close ] || { exec 9>&-; code= body=; return; }
	answer=$(timeout 30 cat <&9 | tr -d '\r')
	exec 9>&-
	code=$(awk '/^HTTP/ { code = $2 } END { print code }' <<<"$answer")
	body=$(sed '1,/^$/d' <<<"$answer" | tail -n 1)
}

try "a user registers" register "$user"

# --- no node -------------------------------------------------------------------
# Files have a home of the platform's own before there is any node.
http POST /api/files/upload -F "file=@$dir/file"
is "without a node a file is taken" "$code" 200
http DELETE "/api/files/$(field id)"
is "and can be deleted" "$code" 200
http POST /api/fs/upload -F path=/ -F "file=@$dir/file"
is "and one for a path" "$code" 200
http DELETE "/api/fs/delete?path=/file"
is "which can be deleted as well" "$code" 200

node "{\"name\": \"$user\", \"storage_size\": \"64M\"}"
is "a node to go wrong beside" "$code" 201
id=$(field id)
http POST /api/files/upload -F "file=@$dir/file"
is "and a file" "$code" 200
file=$(field id)
snapshot "$dir/before"

# --- nodes ---------------------------------------------------------------------
node "{\"name\": 5, \"storage_size\": \"64M\"}"
refused "a name that is a number" 400 name
node "{\"name\": \"$user-x\", \"memory_mb\": \"much\", \"storage_size\": \"64M\"}"
refused "memory that is a word" 400 memory
node "{\"name\": \"$user-x\", \"memory_mb\": -1, \"storage_size\": \"64M\"}"
refused "memory below nothing" 400 memory
node "{\"name\": \"$user-x\", \"memory_mb\": 1e99, \"storage_size\": \"64M\"}"
refused "more memory than there are numbers" 400
node "{\"name\": \"$user-x\", \"cpu_shares\": 0.5, \"storage_size\": \"64M\"}"
refused "half a weight" 400
node "{\"name\": \"$user-x\", \"cpu_shares\": 10001, \"storage_size\": \"64M\"}"
refused "a weight beyond 10000" 400
node "{\"name\": \"$user-x\", \"storage_size\": [\"64M\"]}"
refused "a size that is a list" 400
node "{\"name\": \"$user-x\", \"storage_size\": \"64Q\"}"
refused "a size in no unit" 400
node "{\"name\": \"$user-x\"}"
refused "no size" 400
for name in Upper -begin under_score "with space" "a/../b" "" \
    "$(printf 'x%.0s' {1..64})"; do
	node "$(jq -nc --arg n "$name" '{name: $n, storage_size: "64M"}')"
	refused "the name \"${name:0:12}\"" 400
done
node "{\"name\": \"$user-x\", \"storage_size\": \"15M\"}"
refused "a volume below 16 MiB" 400 "16"
node "{\"name\": \"$user-x\", \"storage_size\": \"900T\"}"
# A user's share is less than any disk; the operator meets the disk itself below.
refused "a volume beyond the user's share" 409 "100 GiB"
node "{\"name\": \"$user\", \"storage_size\": \"64M\"}"
refused "a taken name" 409
node "{\"name\": \"$user-x\", \"storage_size\": \"64M\", \"image\": \"no-such\"}"
refused "an image that is not there" "400|404"
none=00000000000000000000000000000000
for path in "" /metrics; do
	http GET "/api/nodes/$none$path"
	refused "an unknown node$path" 404
done
http DELETE "/api/nodes/$none"
refused "deleting an unknown node" 404
http GET "/api/nodes/%2e%2e"
refused "a node called .." "400|404"

# --- JSON ----------------------------------------------------------------------
node '{"name": '
refused "JSON that breaks off" 400
node 'name=x'
refused "no JSON at all" 400
node '[]'
refused "a list for an object" 400
node '{"name": "a", "name": "b", "storage_size": "64M"}'
refused "a field that is there twice" 400
{ head -c 30000 /dev/zero | tr '\0' '['; } >"$dir/bomb"
http POST /api/nodes -H 'Content-Type: application/json' --data-binary "@$dir/bomb"
refused "a JSON bomb, deep" 400
{ printf '{"name":"'; head -c 4000000 /dev/zero | tr '\0' a; printf '"}'; } >"$dir/bomb"
http POST /api/nodes -H 'Content-Type: application/json' -H 'Expect:' \
    --data-binary "@$dir/bomb"
refused "a JSON bomb, long" 413
{ printf '{'; for i in $(seq 5000); do printf '"%d":0,' "$i"; done; printf '"a":0}'; } >"$dir/bomb"
http POST /api/nodes -H 'Content-Type: application/json' --data-binary "@$dir/bomb"
refused "a JSON bomb, wide" "400|413"
node "$(printf '{"name": "a\\u0000b", "storage_size": "64M"}')"
refused "a NUL in a string" 400

# --- files ---------------------------------------------------------------------
http GET "/api/files/$none/download"
refused "an unknown file" 404
http DELETE "/api/files/$none"
refused "deleting an unknown file" 404
http GET "/api/files/zzzz/download"
refused "an id that is none" "400|404"
echo small >"$dir/small"
http POST /api/files/upload -F "other=@$dir/small"
refused "no field called file" 400 file
http POST /api/files/upload -H 'Content-Type: application/json' -d '{}'
refused "an upload that is no form" "400|415"
http POST /api/files/upload -H 'Content-Type: multipart/form-data' -d x
refused "a form without a boundary" 400
http POST /api/files/upload -F "file=@$dir/file;filename=a/b"
like "a name with a slash is refused or cut" "$code" '^(400|200)$'
[ "$code" != 200 ] || http DELETE "/api/files/$(field id)"
http PUT "/api/files/huge" -H 'Content-Length: 1000000000000000' -d x
refused "a file beyond the quota" "413|507"

auth="Authorization: Bearer $token"
head="POST /api/files/upload HTTP/1.1\r\nHost: x\r\n$auth\r\nConnection: close\r\n"
form='--B\r\nContent-Disposition: form-data; name="file"; filename="cut"\r\n\r\nhello'
raw "${head}Content-Type: multipart/form-data; boundary=B\r\nContent-Length: $(printf '%b' "$form" | wc -c)\r\n\r\n$form"
refused "a form without its end" 400
raw "${head}Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 9000\r\n\r\n$form" close
pass "a body cut short: the client is gone"
raw "PUT /api/files/cut HTTP/1.1\r\nHost: x\r\n$auth\r\nContent-Length: 100000\r\n\r\nhello" close
pass "a file cut short: the client is gone"
raw "PUT /api/files/twice HTTP/1.1\r\nHost: x\r\n$auth\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"
refused "two lengths" 400
raw "PUT /api/files/twice HTTP/1.1\r\nHost: x\r\n$auth\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "a length and chunks" 400
raw "POST /api/fs/mkdir HTTP/1.1\r\nHost: x\r\n$auth\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"path\": \"/m\"}  GARBAGE\r\n\r\n"
is "a body larger than declared: the rest is no request" "$code" 400
http DELETE '/api/fs/delete?path=/m'

# --- folders -------------------------------------------------------------------
json /api/fs/mkdir '{"path": 7}'
refused "a path that is a number" 400
json /api/fs/mkdir '{}'
refused "no path" 400
json /api/fs/mkdir '{"path": "/no/such/parent"}'
refused "a folder below nothing" "404|409"
for path in "/a/../b" "/" "/$(printf 'x%.0s' {1..300})"; do
	json /api/fs/mkdir "{\"path\": \"$path\"}"
	refused "the folder ${path:0:12}" "400|409"
done
http GET '/api/fs/ls?path=/nowhere'
refused "a folder that is not there" 404
http DELETE '/api/fs/delete?path=/nowhere'
refused "deleting what is not there" 404
http DELETE '/api/fs/delete?path=/'
refused "deleting the root" "400|403|409"
json /api/fs/move '{"old_path": "/nowhere", "new_path": "/x"}'
refused "moving what is not there" 404

# --- functions -----------------------------------------------------------------
json /api/lambda/run '{"Code": 5, "Runtime": "python3"}'
refused "code that is a number" 400
json /api/lambda/run '{"Runtime": "python3"}'
refused "no code" 400
json /api/lambda/run '{"Code": "1", "Runtime": "cobol"}'
refused "a runtime that is not there" 400

# --- who asks ------------------------------------------------------------------
mine=$token
for token in nonsense "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0." "${mine%?}" \
    "${mine%.*}."; do
	http GET /api/files
	refused "the token ${token:0:12}..." 401
done
token=
http DELETE "/api/nodes/$id"
refused "no token" 401
json /auth/register/init '{"Username": "UPPER CASE", "Password": "correct horse battery", "Email": "a@example.org"}'
refused "a bad user name" 400
json /auth/register/init "{\"Username\": \"$(unique u)\", \"Password\": \"x\", \"Email\": \"a@example.org\"}"
refused "a short password" 400
json /auth/register/init "{\"Username\": \"$(unique u)\", \"Password\": \"correct horse battery\", \"Email\": \"nowhere\"}"
refused "a bad address" 400
json /auth/register/verify '{"Email": "nobody@example.org", "Code": "123456"}'
refused "a code for nobody" "400|401"
json /auth/login/init "{\"Username\": \"$user\", \"Password\": \"wrong horse battery\"}"
refused "a wrong password" 401
http GET /no/such/route
refused "a route that is not there" 404
http PATCH /api/nodes
refused "a method that is not there" "405|501"
token=$mine

# --- the same with nexusctl ----------------------------------------------------
ctl_refused "a bad name" 2 nexusctl node create Upper --storage 64M
ctl_refused "a size in no unit" 2 nexusctl node create x --storage 64Q
ctl_refused "no size" 2 nexusctl node create x
ctl_refused "a weight beyond 10000" 2 nexusctl node create x --cpu 10001 --storage 64M
ctl_refused "a volume below 16 MiB" 2 nexusctl node create "$user-x" --storage 15M
ctl_refused "a volume beyond the disk" 6 nexusctl node create "$user-x" --storage 900T
ctl_refused "a taken name" 5 nexusctl --user "$user" node create "$user" --storage 64M
ctl_refused "an unknown node" 4 nexusctl node inspect no-such-node
ctl_refused "an unknown file" 4 nexusctl file info 00000000
ctl_refused "a local file that is not there" 4 nexusctl file upload /no/such/file
ctl_refused "a directory" 2 nexusctl file upload /
ctl_refused "an unknown user" 4 nexusctl --user no-such-user file ls
ctl_refused "a folder that is not there" 4 nexusctl --user "$user" fs ls /nowhere
ctl_refused "a command that is not there" 2 nexusctl node dance
ctl_refused "a socket that is not there" 8 nexusctl --socket /no/such/sock node ls

# A client that is gone leaves an upload behind for a moment.
for _ in $(seq 100); do
	snapshot "$dir/after"
	cmp -s "$dir/before" "$dir/after" && break
	sleep 0.1
done
same "nothing of all this has changed anything" "$dir/before" "$dir/after"
http DELETE "/api/files/$file"
http DELETE "/api/nodes/$id?force=true"
like "and away again" "$code" '^20[04]$'
done_testing
