#!/bin/bash
# limit: 900
# The tour of Nexus: what it does, in the order in which a newcomer would try
# it, first over HTTP and then the same with nexusctl. Needs bash, curl and jq,
# a Nexus that is running (`make up`) and its environment:
#
#	. build/up/nexus.env && tests/integration/tour.sh
#
# TOUR_FILE_MB (320) is the size of the large file, TOUR_NODE (1G) that of each
# node's volume, TOUR_DIR (/var/tmp) where the file is made.
set -u
. "$(dirname "$0")/lib.sh"

size=${TOUR_FILE_MB:-320}
volume=${TOUR_NODE:-1G}
dir=$(mktemp -d "${TOUR_DIR:-/var/tmp}/nexus-tour.XXXXXX")
trap 'rm -rf "$dir"' EXIT
ada=$(unique ada) bob=$(unique bob)

# --- a user --------------------------------------------------------------------
# Registering takes a name, a password and an address; a code is mailed there.
# Without a mail server, mail lands in the directory $NEXUS_MAIL.
json /auth/register/init "{\"Username\": \"$ada\", \"Email\": \"$ada@example.org\",
    \"Password\": \"correct horse battery\"}"
is "register: a code is mailed" "$code" 200
otp=$(newest_code "$ada@example.org")
like "the mail holds six digits" "$otp" '^[0-9]{6}$'
json /auth/register/verify "{\"Email\": \"$ada@example.org\", \"Code\": \"$otp\"}"
is "the code gives a token" "$code" 200
is "and says whose it is" "$(field username)" "$ada"
token=$(field token) ada_token=$token

# --- nodes ---------------------------------------------------------------------
# A node is a container with its own address, limits and volume. The volumes of
# running nodes are also where files are kept.
nodes=
for i in 1 2 3; do
	json /api/nodes "{\"name\": \"$ada-$i\", \"memory_mb\": 128,
	    \"cpu_shares\": 512, \"storage_size\": \"$volume\"}"
	is "node $i is made" "$code" 201
	is "node $i runs" "$(field status)" Running
	like "node $i has an address" "$(field ip)" '^10\.'
	nodes="$nodes $(field id)"
done
http GET /api/nodes
is "all three are listed" "$(jq length <<<"$body")" 3

# --- a large file --------------------------------------------------------------
# Half of it cannot be compressed, half is what is found on this machine.
{
	head -c $((size / 2))M /dev/urandom
	tar -C /usr/share -c . 2>/dev/null | head -c $((size - size / 2))M
} >"$dir/large"
bytes=$(stat -c %s "$dir/large")
http POST /api/files/upload -F "file=@$dir/large"
is "a file of $((bytes >> 20)) MiB is uploaded" "$code" 200
is "its size is right" "$(field size)" "$bytes"
is "it was cut into chunks of 10 MiB" "$(field chunks_count)" \
    $(((bytes + 10485759) / 10485760))
file=$(field id)
http GET /api/files
is "it is listed" "$(jq -r '.[0].id' <<<"$body")" "$file"
curl -sS -o "$dir/back" -H "Authorization: Bearer $token" \
    "$NEXUS_URL/api/files/$file/download"
try "it comes back byte for byte" cmp "$dir/large" "$dir/back"

# --- folders -------------------------------------------------------------------
echo "hello from the tour" >"$dir/hello.txt"
json /api/fs/mkdir '{"path": "/docs"}'
is "a folder is made" "$code" 200
json /api/fs/mkdir '{"path": "/docs/old"}'
is "and one in it" "$code" 200
http POST /api/fs/upload -F path=/docs -F "file=@$dir/hello.txt"
is "a file is uploaded into it" "$code" 200
http GET '/api/fs/ls?path=/docs'
is "both are listed" \
    "$(jq -r 'map(.name + " " + .type) | sort | join(", ")' <<<"$body")" \
    "hello.txt file, old folder"
json /api/fs/move '{"old_path": "/docs/hello.txt", "new_path": "/docs/old/hi.txt"}'
is "the file is moved" "$code" 200
http GET '/api/fs/ls?path=/docs/old'
is "to its new place" "$(jq -r '.[].name' <<<"$body")" hi.txt
http DELETE '/api/fs/delete?path=/docs'
is "the folder is deleted with all that is in it" "$code" 200
http GET '/api/fs/ls?path=/'
is "and nothing is left" "$(jq length <<<"$body")" 0

# --- a function ----------------------------------------------------------------
# Python code that runs once, in a sandbox that is destroyed afterwards.
json /api/lambda/run '{"Runtime": "python3",
    "Code": "import sys\nprint(6 * 7)\nprint(\"oops\", file=sys.stderr)\nsys.exit(3)"}'
is "a function runs" "$code" 200
is "what it prints comes back" "$(field stdout)" 42
is "so does what it complains about" "$(field stderr)" oops
is "and its exit status" "$(field exit_code)" 3

# --- what a node uses ----------------------------------------------------------
first=${nodes# } first=${first%% *}
http GET "/api/nodes/$first/metrics"
is "a node has metrics" "$code" 200
is "they are its own" "$(field node_id)" "$first"
like "it uses memory" "$(field memory_usage)" '^[0-9]+$'
like "and processor time" "$(jq .cpu_percent <<<"$body")" '^[0-9.]+(e-[0-9]+)?$'

# --- somebody else -------------------------------------------------------------
try "a second user registers" register "$bob"
http GET /api/files
is "sees no files" "$(jq length <<<"$body")" 0
http GET /api/nodes
is "sees no nodes" "$(jq length <<<"$body")" 0
http GET '/api/fs/ls?path=/'
is "sees no folders" "$(jq length <<<"$body")" 0
http GET "/api/files/$file/download"
is "cannot download the file" "$code" 404
http DELETE "/api/files/$file"
is "cannot delete the file" "$code" 404
http GET "/api/nodes/$first/metrics"
is "cannot read the node's metrics" "$code" 404
http DELETE "/api/nodes/$first"
is "cannot delete the node" "$code" 404
token=
http GET /api/files
is "and nobody comes in without a token" "$code" 401

# --- the same with nexusctl ----------------------------------------------------
# The administrator's command line; --user acts for a user.
ctl() {
	nexusctl --user "$ada" "$@"
}
try "nexusctl: everybody is there" nexusctl status
try "nexusctl: a fourth node" ctl node create "$ada-4" --mem 128 --cpu 512 \
    --storage "$volume"
is "nexusctl: it is one of four" "$(ctl -q node ls | wc -l)" 4
try "nexusctl: a command in it" ctl node exec "$ada-4" -- uname -n
is "nexusctl: whose name is the node's" "$out" "$ada-4"
is "nexusctl: the file is there" "$(ctl -q file ls)" "$file"
try "nexusctl: it comes down" ctl file download "${file:0:8}" "$dir/down"
try "nexusctl: byte for byte" cmp "$dir/large" "$dir/down"
try "nexusctl: another goes up" ctl -q file upload "$dir/hello.txt"
second=$out
is "nexusctl: both are listed" "$(ctl -q file ls | sort)" \
    "$(printf '%s\n%s\n' "$file" "$second" | sort)"
try "nexusctl: folders" ctl fs mkdir -p /a/b/c
try "nexusctl: a file into one" ctl fs put "$dir/hello.txt" /a/b/
try "nexusctl: listed" ctl fs ls /a/b
like "nexusctl: by its name" "$out" 'hello\.txt'
try "nexusctl: moved" ctl fs mv /a/b/hello.txt /a/hi.txt
is "nexusctl: read" "$(ctl fs get /a/hi.txt -)" "hello from the tour"
try "nexusctl: deleted" ctl fs rm /a
is "nexusctl: a function" \
    "$(echo 'print("from", "a function")' | ctl lambda run -)" "from a function"
is "nexusctl: whatever a function prints is valid JSON, and whole" \
    "$(echo 'import os; os.write(1, b"a\0b\xff\n")' |
	ctl lambda run - -o json | jq -c '[.stdout, .stdout_base64, .stderr]')" \
    "[\"a\\u0000b�\\n\",\"YQBi/wo=\",\"\"]"
try "nexusctl: metrics" ctl node stats "$ada-4"
is "nexusctl: the other user has nothing" "$(nexusctl -q --user "$bob" file ls)" ""

# --- and away again ------------------------------------------------------------
try "nexusctl: delete the file" ctl file delete "$second"
try "nexusctl: delete the node" ctl node delete "$ada-4" --force
token=$ada_token
http DELETE "/api/files/$file"
like "the large file is deleted" "$code" '^20[04]$'
for id in $nodes; do
	http DELETE "/api/nodes/$id?force=true"
	like "node ${id:0:8} is deleted" "$code" '^20[04]$'
done
http GET /api/nodes
is "no node is left" "$(jq length <<<"$body")" 0

done_testing
