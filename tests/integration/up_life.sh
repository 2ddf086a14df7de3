#!/bin/bash
# needs: nothing
# limit: 600
# The life of `make up`: it starts, refuses what it cannot do with a sentence,
# restarts what dies, finds its files again, and leaves nothing behind, however
# it ends.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh

export BUILD=${BUILD:-$PWD/build}
export PATH=$BUILD/bin:$PATH
dir=$(mktemp -d "$BUILD/up-life.XXXXXX")
port=18190 up=
finish() {
	[ -z "$up" ] || end INT
	rm -rf --one-file-system "$dir"
}
trap finish EXIT

# begin [ARGUMENT...]: starts one and waits for it to be ready, or to end.
begin() {
	rm -f "$dir/up/nexus.env"
	packaging/up.sh "$port" --state "$dir/up" "$@" >"$dir/log" 2>&1 &
	up=$!
	for _ in $(seq 400); do
		[ ! -s "$dir/up/nexus.env" ] || break
		kill -0 "$up" 2>/dev/null || return 1
		sleep 0.1
	done
	set -a
	. "$dir/up/nexus.env"
	set +a
}

# end SIGNAL: status in $status
end() {
	status=0
	kill "-$1" "$up"
	wait "$up" 2>/dev/null || status=$?
	up=
	[ "$status" -eq 0 ] || [ "$1" = KILL ] || tail -n 10 "$dir/log" | sed 's/^/# | /'
}

# nothing_left NAME: what an end leaves to the kernel takes a moment.
nothing_left() {
	for _ in $(seq 50); do
		left_over "$dir" >"$dir/after"
		! cmp -s "$dir/before" "$dir/after" || break
		sleep 0.1
	done
	same "$1" "$dir/before" "$dir/after"
}

pid_of() {
	sed -n "s/^NEXUS_PID_$1=//p" "$dir/up/nexus.env"
}

# until_true SECONDS COMMAND...
until_true() {
	local n=$(($1 * 10))
	shift
	for _ in $(seq "$n"); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	return 1
}

left_over "$dir" >"$dir/before"
forward=$(cat /proc/sys/net/ipv4/ip_forward)

# --- refusals ------------------------------------------------------------------
out=$(nexus-up --help) && like "--help explains the options" "$out" "--state DIR"
out=$(nexus-up --port 99999 2>&1)
is "a wrong port is a wrong usage" "$?" 2
like "and said so" "$out" '"99999" is not a port'
# From /, which anyone can reach: the clone may be below somebody's home.
script=$PWD/packaging/up.sh
out=$(cd / && setpriv --reuid 65534 --clear-groups sh -s "$port" \
	<"$script" 2>&1)
like "who is not root is told to be" "$out" "as root"

python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)' "$port" &
squatter=$!
until_true 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
out=$(packaging/up.sh "$port" --state "$dir/up" 2>&1)
is "a port that is taken is an error" "$?" 1
like "which names it and the way out" "$out" "port $port is taken.*PORT="
kill "$squatter"
wait "$squatter" 2>/dev/null
nothing_left "nothing is left of that"

# A directory that is not root's alone: its owner could have root follow links.
mkdir "$dir/theirs" "$dir/target"
chown 65534 "$dir/theirs"
out=$(packaging/up.sh "$port" --state "$dir/theirs" 2>&1)
is "a stranger's directory is an error" "$?" 1
like "and what to do about it" "$out" "choose a new directory"
mkdir -m 777 "$dir/open"
chmod 777 "$dir/open"
packaging/up.sh "$port" --state "$dir/open" >/dev/null 2>&1
is "so is one that everybody may write" "$?" 1
ln -s target "$dir/link"
out=$(packaging/up.sh "$port" --state "$dir/link/" 2>&1)
is "and a link" "$?" 1
is "none of them is touched" "$(ls -A "$dir/theirs" "$dir/open" "$dir/target" |
    grep -vc ':$')" 2 # the empty lines between
rm -rf "$dir/theirs" "$dir/open" "$dir/link" "$dir/target"

# What a stranger left in one that is root's by now.
mkdir -p "$dir/once/log"
: >"$dir/victim"
ln -s ../../victim "$dir/once/log/storaged.log"
ln -s ../victim "$dir/once/nexus.env.new"
out=$(packaging/up.sh "$port" --state "$dir/once" 2>&1)
is "links to where it would write are an error" "$?" 1
like "which names the file" "$out" "once/log/storaged.log"
is "and not followed" "$(stat -c %s "$dir/victim")" 0
rm -rf "$dir/once" "$dir/victim"

# What is above the directory may be a stranger's, as a clone is when root
# starts it there: what it is renamed to, root goes on in it and not elsewhere.
mkdir "$dir/clone"
packaging/up.sh "$port" --state "$dir/clone/up" >"$dir/log" 2>&1 &
up=$!
until_true 60 test -s "$dir/clone/up/nexus.env"
mv "$dir/clone/up" "$dir/clone/away"
mkdir -p "$dir/clone/up/log"
: >"$dir/victim"
ln -s "$dir/victim" "$dir/clone/up/nexus.env.new"
kill -9 "$(sed -n 's/^NEXUS_PID_maild=//p' "$dir/clone/away/nexus.env")"
until_true 10 grep -q 'maild is back' "$dir/log"
is "a link in another directory of that name is not followed" \
    "$(stat -c %s "$dir/victim")" 0
try "the daemon's new number is in the right one" test -d \
    "/proc/$(sed -n 's/^NEXUS_PID_maild=//p' "$dir/clone/away/nexus.env")"
end INT
is "and it stops as always" "$status" 0
rm -rf --one-file-system "$dir/clone" "$dir/victim"

# What is made and what is kept are two things.
mkdir -p "$dir/built/bin" "$dir/built/common" "$dir/built/up/state/volumes"
echo precious >"$dir/built/up/state/volumes/1.img"
touch "$dir/built/common/fd.o" "$dir/built/libnx.a"
out=$(make -s clean BUILD="$dir/built" 2>&1)
is "make clean leaves the state of a Nexus" \
    "$(cat "$dir/built/up/state/volumes/1.img")" precious
like "and says so" "$out" "kept.*/up"
is "what was made is gone" "$(ls "$dir/built")" up
mount -t tmpfs none "$dir/built/up/state/volumes"
out=$(make -s distclean BUILD="$dir/built" 2>&1)
is "distclean stops before what is mounted" "$?" 2
like "and says so" "$out" "unmount it"
umount "$dir/built/up/state/volumes"
try "else it takes it all" make -s distclean BUILD="$dir/built"
is "away" "$(ls -d "$dir/built" 2>&1 | grep -c 'No such')" 1

ip link add nexus0 type bridge
left_over "$dir" >"$dir/before.bridge"
out=$(timeout 60 packaging/up.sh "$port" --state "$dir/up" 2>&1)
is "a stranger's nexus0 is an error" "$?" 1
like "which is explained" "$out" "nexus0 that Nexus did not make"
left_over "$dir" >"$dir/after"
same "and the stranger's link is still there" "$dir/before.bridge" "$dir/after"
ip link del nexus0

# --- running -------------------------------------------------------------------
if begin; then
	pass "it starts"
else
	fail "it starts" "$(tail -n 40 "$dir/log")"
	done_testing
	exit
fi
like "it says where it is" "$(cat "$dir/log")" "http://127.0.0.1:$port"
like "and what to try" "$(cat "$dir/log")" "nexusctl node create"
chmod 755 "$dir"
out=$(setpriv --reuid 65534 --clear-groups nexusctl status 2>&1)
is "a plain user is no administrator" "$?" 3
like "and is told what to be" "$out" "root (or|and) the group nexus-admin"
is "in a sentence, and nothing else" \
    "$(grep -vc '^nexusctl: ' <<<"$out") $(grep -c event= <<<"$out")" "0 0"
out=$(setpriv --reuid 65534 --clear-groups nexusctl volume ls 2>&1)
is "as with any other command" "$(grep -c '' <<<"$out")" 1
like "HTTP answers" "$(curl -s -o /dev/null -w '%{http_code}' "$NEXUS_URL/")" \
    '^[1-5][0-9][0-9]$'
try "the socket is where it says" test -S "$NEXUS_SOCK"
is "it forwards for the nodes" "$(cat /proc/sys/net/ipv4/ip_forward)" 1
like "daemons have logs" "$(ls "$dir/up/log")" storaged.log
is "each program's state is its own" \
    "$(stat -c '%U %a' "$dir/up/state/auth")" "nexus-auth 700"

out=$(packaging/up.sh $((port + 1)) --state "$dir/up" 2>&1)
is "a second one on the same directory is refused" "$?" 1
like "with the first one's process" "$out" "already runs.*process $up"

out=$(packaging/up.sh $((port + 1)) --state "$dir/other" 2>&1)
is "one in another directory that wants the same bridge too" "$?" 1
like "and is told how to get along" "$out" "uses the bridge nexus0.*subnet"
rm -rf "$dir/other"
packaging/up.sh $((port + 1)) --state "$dir/other" --bridge nexus1 \
    --subnet 10.0.43.1/24 >"$dir/log.other" 2>&1 &
other=$!
until_true 40 test -s "$dir/other/nexus.env"
is "with its own it runs beside" "$?" 0
is "and has its bridge" "$(ip -br addr show nexus1 | awk '{ print $3 }')" \
    10.0.43.1/24
kill -INT "$other"
wait "$other"
is "until it is stopped" "$?" 0
is "which leaves the first one's bridge alone" \
    "$(ip -br addr show nexus0 | awk '{ print $3 }')" 10.0.42.1/24
is "but not its own" "$(ip -br link | grep -c nexus1)" 0

before=$(pid_of gatewayd)
old=$(pid_of storaged)
kill -KILL "$old"
until_true 10 sh -c "grep -q '^NEXUS_PID_storaged=' '$dir/up/nexus.env' &&
    ! grep -q '^NEXUS_PID_storaged=$old\$' '$dir/up/nexus.env'"
is "a daemon that is killed is started again" "$?" 0
old=$(pid_of nexusd)
kill -KILL "$old"
until_true 10 sh -c "! grep -q '^NEXUS_PID_nexusd=$old\$' '$dir/up/nexus.env'"
is "nexusd too" "$?" 0
is "and gatewayd does not notice" "$(pid_of gatewayd)" "$before"
old=$(pid_of storaged)
kill -STOP "$old"
until_true 60 sh -c "! grep -q '^NEXUS_PID_storaged=$old\$' '$dir/up/nexus.env'"
is "one whose loop does not turn is started again" "$?" 0
like "which is said" "$(cat "$dir/log")" "storaged has not answered"
is "and nobody else is" "$(pid_of gatewayd)" "$before"

register life || fail "somebody registers" "$code $body"
head -c 100000 /dev/urandom >"$dir/file"
try "somebody makes a node" nexusctl --user life node create keeps \
    --storage 64M
http POST /api/files/upload -F "file=@$dir/file"
is "and stores a file" "$code" 200
id=$(field id)
echo "# mine" >>"$dir/up/etc/nexus.conf"

end INT
is "Ctrl-C ends it with status 0" "$status" 0
like "and it says that nothing is left" "$(tail -n 3 "$dir/log")" "nothing is left"
nothing_left "nothing is left"
is "forwarding is as it was" "$(cat /proc/sys/net/ipv4/ip_forward)" "$forward"
is "nexus.env is gone" "$(ls "$dir/up" | grep -c nexus.env)" 0

# --- again ---------------------------------------------------------------------
begin || fail "it starts again" "$(tail -n 40 "$dir/log")"
like "with the configuration one has changed" "$(cat "$dir/up/etc/nexus.conf")" \
    "# mine"
running() {
	nexusctl --user life node ls | grep -q 'keeps.*Running'
}
until_true 10 running
is "the node runs again" "$?" 0
curl -s -H "Authorization: Bearer $token" -o "$dir/again" \
    "$NEXUS_URL/api/files/$id/download"
same "the file is there again" "$dir/file" "$dir/again"

end KILL
nothing_left "killed with SIGKILL, it takes everything along"
is "forwarding too" "$(cat /proc/sys/net/ipv4/ip_forward)" "$forward"

begin || fail "it starts after that" "$(tail -n 40 "$dir/log")"
guard=$(pgrep -P "$up" -x nexus-up-guard)
kill -KILL "$guard" "$up"
wait "$up" 2>/dev/null
begin
is "killed with its guard, the next start tidies up" "$?" 0
end TERM
is "SIGTERM ends it with status 0" "$status" 0
nothing_left "nothing is left of any of them"
done_testing
