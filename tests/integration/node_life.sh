#!/bin/bash
# node: a node's whole life through nexusctl, with the real volume and the real
# network: what it finds inside, exec and logs, ends and restarts, and that
# nothing is left of it.
. "$(dirname "$0")/lib.sh"
export NEXUS_SOCK
[ -z "${NEXUS_BIN:-}" ] || PATH=$NEXUS_BIN:$PATH
ctl() { nexusctl "$@" 2>&1 | grep -v 'cannot enforce'; return "${PIPESTATUS[0]}"; }
inspect() { ctl node inspect "$1" -o json | jq -r ".$2"; }
ended() { [ "$(inspect "$1" status)" != Running ]; }
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

name=$(unique life)
try "a node is created" ctl node create "$name" --storage 64M --mem 64
id=$(inspect "$name" id)
is "it runs" "$(inspect "$name" status)" Running
like "it has an address" "$(inspect "$name" ip)" '^[0-9.]+$'
try "the name is taken" bash -c "! nexusctl node create $name --storage 64M"

is "it has its name" "$(ctl node exec "$name" -- hostname)" "$name"
is "it is root inside" "$(ctl node exec "$name" -- id -u)" 0
is "its first process is nexus-init" \
    "$(ctl node exec "$name" -- cat /proc/1/comm)" nexus-init
like "it sees its own processes only" \
    "$(ctl node exec "$name" -- sh -c 'ls /proc | grep -c "^[0-9]"')" '^[2-5]$'
is "its network is one link and the loopback" "$(ctl node exec "$name" -- \
    sh -c 'ls /sys/class/net | tr "\n" " "')" "eth0 lo "
is "data is written" "$(ctl node exec "$name" -- \
    sh -c 'echo kept > /data/f; echo kept > /root/f; cat /data/f')" kept
is "its disk is its volume" "$(ctl node exec "$name" -- \
    sh -c 'df / /data | grep -c "5[0-9]\|6[0-9]"')" 2
try "the host's /usr is not its to write" bash -c \
    "! nexusctl node exec $name -- touch /usr/bin/env"
is "the volume's other half is not to be seen" \
    "$(ctl node exec "$name" -- sh -c 'ls /data')" f
# What the kernel tells of its mounts names no place of the host's state: not as
# it is outside, not as the daemons see it.
place="nexus|images|volumes|${NEXUS_STATE:-/state}|${NEXUS_DIR:-/state}"
for file in mountinfo mounts mountstats; do
	is "a node's $file does not tell where the state is" \
	    "$(ctl node exec "$name" -- cat "/proc/self/$file" |
		grep -E "$place")" ""
	told=$(echo "print(open('/proc/self/$file').read(), end='')" |
	    ctl lambda run -)
	like "a function has a $file" "$told" /usr
	is "that does not tell either" "$(grep -E "$place" <<<"$told")" ""
done
ctl node exec "$name" -- sh -c 'exit 7' >/dev/null
is "an exit code comes back" $? 7
is "stdin is the caller's" "$(echo in | ctl node exec "$name" -- cat)" in
ctl node exec "$name" -- no-such-command >/dev/null
try "a command that is not there fails" test $? -ne 0
try "an unused node cannot be entered" bash -c \
    "! nexusctl node exec $name-not -- true"

try "it stops" ctl node stop "$name"
is "and says so" "$(inspect "$name" status)" Stopped
try "it starts again" ctl node start "$name"
is "with what it had" "$(ctl node exec "$name" -- cat /data/f /root/f | tr '\n' ' ')" \
    "kept kept "
try "a running node is not deleted by mistake" bash -c \
    "! nexusctl node delete $name"
try "but by force" ctl node delete "$name" --force
is "nothing is left of it" "$(ctl node ls -q | grep -c "$id")" 0
is "no cgroup either" "$(cgroups | grep -c "$id")" 0
is "no image" "$(find "${NEXUS_STATE:-/nonexistent}" -name "*$id*" | wc -l)" 0

# --- main processes ---------------------------------------------------------------
main=$(unique main)
try "a node with a main process" ctl node create "$main" --storage 32M -- \
    sh -c 'echo to stdout; echo to stderr >&2; sleep 0.3; exit 3'
try "it ends with it" within 10 ended "$main"
is "and says how" "$(inspect "$main" exit_reason)" "exit 3"
is "its output was kept" "$(ctl node logs "$main" | tr '\n' ,)" \
    "to stdout,to stderr,"
try "delete" ctl node delete "$main"
try "one that is killed" ctl node create "$main" --storage 32M -- \
    sh -c 'sleep 0.2; kill -9 $$'
try "it ends" within 10 ended "$main"
is "and says how" "$(inspect "$main" exit_reason)" "signal 9"
try "delete" ctl node delete "$main"

# --- many at once -----------------------------------------------------------------
batch=$(unique many)
for i in $(seq 12); do
	ctl node create "$batch-$i" --storage 16M >/dev/null &
done
wait
is "twelve at once" "$(ctl node ls | grep -c "$batch-.*Running")" 12
is "each has an address of its own" "$(ctl node ls | grep "$batch-" |
	awk '{ print $4 }' | sort -u | wc -l)" 12
for i in $(seq 12); do
	ctl node exec "$batch-$i" -- hostname &
done >"${TMPDIR:-/tmp}/$batch"
wait
is "each says its own name" "$(sort -u "${TMPDIR:-/tmp}/$batch" | wc -l)" 12
rm -f "${TMPDIR:-/tmp}/$batch"
ids=$(ctl node ls | grep "$batch-" | awk '{ print $1 }' | paste -sd '|')
for i in $(seq 12); do
	ctl node delete "$batch-$i" --force >/dev/null &
done
wait
is "and gone at once" "$(ctl node ls | grep -c "$batch-")" 0
is "with their cgroups" "$(cgroups | grep -cE "/($ids)")" 0
done_testing
