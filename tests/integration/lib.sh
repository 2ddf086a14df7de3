# What the integration tests in bash share; sourced, never run.
#
# They are told where Nexus is by the environment: NEXUS_URL, NEXUS_MAIL,
# NEXUS_SOCK (see build/up/nexus.env).

# --- TAP ---------------------------------------------------------------------
tests=0 bad=0

pass() {
	tests=$((tests + 1))
	echo "ok $tests - $1"
}

fail() {
	tests=$((tests + 1)) bad=$((bad + 1))
	echo "not ok $tests - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | head -n 60 | sed 's/^/#   /'
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

done_testing() {
	echo "1..$tests"
	[ "$bad" -eq 0 ]
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got:    $2" "wanted: $3"
	fi
}

# like NAME GOT PATTERN (extended regular expression)
like() {
	if grep -Eq -- "$3" <<<"$2"; then
		pass "$1"
	else
		fail "$1" "got: $2" "wanted something like: $3"
	fi
}

# same NAME FILE FILE
same() {
	local out
	if out=$(diff "$2" "$3"); then
		pass "$1"
	else
		fail "$1" "$out"
	fi
}

# try NAME COMMAND...: ok when it succeeds; its output stays in $out. Runs in
# this very shell: a function may set variables.
try() {
	local name=$1 file status=0
	shift
	file=$(mktemp)
	"$@" >"$file" 2>&1 || status=$?
	out=$(cat "$file")
	rm -f "$file"
	if [ "$status" -eq 0 ]; then
		pass "$name"
	else
		fail "$name" "status $status: $*" "$out"
	fi
}

# --- HTTP --------------------------------------------------------------------
# http METHOD PATH [CURL ARGUMENT...]: status in $code, body in $body.
http() {
	local method=$1 path=$2 answer
	shift 2
	answer=$(curl -sS -X "$method" -w '\n%{http_code}' \
	    ${token:+-H "Authorization: Bearer $token"} "$@" \
	    "$NEXUS_URL$path" 2>&1)
	code=${answer##*$'\n'} body=${answer%$'\n'*}
}

# json PATH-OF-API JSON [METHOD]
json() {
	http "${3:-POST}" "$1" -H 'Content-Type: application/json' -d "$2"
}

# field NAME: of the JSON in $body
field() {
	jq -r --arg f "$1" '.[$f] // empty' <<<"$body" 2>/dev/null
}

# newest_code ADDRESS: the code in the newest message to that address. The
# outbox is a maildir: a message is complete once it is in new/.
newest_code() {
	local f try
	for try in $(seq 100); do
		for f in $(ls -t "$NEXUS_MAIL"/new/* 2>/dev/null); do
			grep -qi "^To:.*$1" "$f" || continue
			grep -v '^[A-Za-z-]*: ' "$f" |
				grep -oE '\b[0-9]{6}\b' | head -n 1
			rm -f "$f"
			return 0
		done
		sleep 0.1
	done
	return 1
}

# register NAME: a user NAME@example.org; the token in $token.
register() {
	local name=$1 mail=$1@example.org
	token=
	json /auth/register/init "$(jq -nc --arg n "$name" --arg m "$mail" \
	    '{Username: $n, Password: "correct horse battery", Email: $m}')"
	[ "$code" = 200 ] || { echo "# $code $body"; return 1; }
	json /auth/register/verify "$(jq -nc --arg m "$mail" \
	    --arg c "$(newest_code "$mail")" '{Email: $m, Code: $c}')"
	[ "$code" = 200 ] || { echo "# $code $body"; return 1; }
	token=$(field token)
	[ -n "$token" ]
}

# unique PREFIX: a name no other test has used
unique() {
	printf '%s%s%04x' "$1" "$(date +%s | tail -c 7)" $((RANDOM))
}

# --- what is there -----------------------------------------------------------
# loops DIR: loop devices on images in DIR; two machines' worth of Nexus may be
# at work beside each other, and only the inode says whose image it is.
loops() {
	local inodes
	inodes=$(find "$1" -name '*.img' -printf ' %i ' 2>/dev/null)
	losetup -lnO NAME,BACK-INO,BACK-FILE 2>/dev/null |
		while read -r name inode file; do
			case "$inodes" in
			*" $inode "*) echo "loop $name $file" ;;
			esac
		done
}

# cgroups: those of the Nexus whose processes are seen from here, in whichever
# hierarchy of version 2 there is; others may be at work beside it.
cgroups() {
	local root own
	own=$(grep -ho 'nexus-up-[^/]*' "/proc/$(pgrep -ox nodemgr)/cgroup" |
		head -n 1)
	for root in ${NEXUS_CGROUP:-} /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ "$(stat -fc %T "$root" 2>/dev/null)" = cgroup2fs ] || continue
		find "$root" -depth -type d -path "*${own:-nexus}*"
		return
	done
}

# left_over DIR: everything of Nexus that can be seen from here, one a line.
left_over() {
	ps -eo comm= |
		grep -E '^(nexus|nodemgr|storaged|netd|authd|maild|gatewayd)' |
		sed 's/^/process /'
	awk '/nexus/ { print "mount " $5 }' /proc/self/mountinfo
	loops "$1"
	ip -o link | awk -F'[ :@]+' '{ print "link " $2 }'
	ip netns list 2>/dev/null | sed 's/^/netns /'
	find "$1" -type s | sed 's/^/socket /'
	return 0
}
