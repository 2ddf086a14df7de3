# Counting TAP; sourced by tests/run and tests/with-nexus.

# limit_of FILE: seconds it may take; "# limit: N" near its head, or 600; $LIMIT
# for a run that is to be long.
limit_of() {
	local n=${LIMIT:-}
	[ -n "$n" ] || n=$(head -n 5 "$1" | sed -n 's/^# limit: \([0-9]*\)$/\1/p')
	echo "${n:-600}"
}

# run_limited SECONDS OUT COMMAND...: timeout(1) leads a process group of its
# own and ends only that one.
run_limited() {
	local seconds=$1 out=$2
	shift 2
	timeout -k 20 "$seconds" "$@" >"$out" 2>&1 </dev/null
}

# run_tap NAME SECONDS COMMAND...
run_tap() {
	local name=$1 seconds=$2 status=0 start=$SECONDS
	shift 2
	run_limited "$seconds" "$tmp/out" "$@" || status=$?
	count_tap "$name" "$tmp/out" "$status" $((SECONDS - start))
}

# start_tap NAME SECONDS COMMAND...: begins it, as process $!, which end_tap counts.
declare -A name_of=() began=()

start_tap() {
	local name=$1 seconds=$2
	shift 2
	# What the shell puts behind it would not hear of a Ctrl-C.
	timeout -k 20 "$seconds" env --default-signal=INT,QUIT "$@" \
	    >"$tmp/beside.${name//\//.}" 2>&1 </dev/null &
	name_of[$!]=$name began[$!]=$SECONDS
}

# end_tap PROCESS STATUS: shows what it said, whole, if it is to be shown.
end_tap() {
	local name=${name_of[$1]}
	local out=$tmp/beside.${name//\//.}
	count_tap "$name" "$out" "$2" $((SECONDS - began[$1]))
	rm -f "$out"
	unset "name_of[$1]"
}

# Many of them: begin_tap AT_ONCE NAME SECONDS COMMAND... waits until fewer than so
# many run; await_tap until none does.
declare -A beside=()

begin_tap() {
	local at_once=$1
	shift
	while [ ${#beside[@]} -ge "$at_once" ]; do
		await_one
	done
	start_tap "$@"
	beside[$!]=1
}

await_one() {
	local process status=0
	wait -n -p process "${!beside[@]}" || status=$?
	unset "beside[$process]"
	end_tap "$process" "$status"
}

await_tap() {
	while [ ${#beside[@]} -gt 0 ]; do
		await_one
	done
}

# For whoever has to go: so do they.
kill_taps() {
	[ ${#name_of[@]} -eq 0 ] || kill "${!name_of[@]}" 2>/dev/null
}

# count_tap NAME FILE STATUS SECONDS: adds to passed, failed and skipped.
count_tap() {
	local name=$1 out=$2 status=$3 took=$4
	local ok=0 bad=0 skip=0 plan=-1 why=
	read -r ok bad skip plan < <(awk '
		/^(ok|not ok)([ \t]|$)/ {
			if (toupper($0) ~ /# *SKIP/) skip++
			else if ($1 == "ok") ok++
			else bad++
		}
		/^1\.\.[0-9]+/ {
			n = substr($1, 4) + 0
			plan = (planned ? plan : 0) + n; planned = 1
			if (n == 0) none++
		}
		END { print ok + 0, bad + 0, skip + 0, (planned ? plan : -1) }
	' "$out")
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		why="did not end within its limit"
	elif [ "$status" -gt 128 ]; then
		why="died of signal $((status - 128))"
	elif [ "$plan" -lt 0 ]; then
		why="ended with status $status and without a plan"
	elif [ "$plan" -ne $((ok + bad + skip)) ]; then
		why="planned $plan tests and ran $((ok + bad + skip))"
	elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		why="ended with status $status"
	fi
	if [ "$plan" -eq 0 ] && [ -z "$why" ]; then
		skip=1
	fi
	[ -z "$why" ] || bad=$((bad + 1))
	passed=$((passed + ok)) failed=$((failed + bad))
	skipped=$((skipped + skip))
	if [ "$bad" -gt 0 ]; then
		echo "FAILED $name${why:+: it $why}"
		tail -n 150 "$out" | sed 's/^/    | /'
		echo "$name: ${why:-$bad failed}" >>"$tmp/failed"
		grep -h '^not ok' "$out" | sed "s|^|$name: |" >>"$tmp/failed"
	elif [ -n "${V:-}" ]; then
		echo "    $name: $ok ok in $took s"
	fi
	# The reason stands behind SKIP, or in the comment just before it.
	[ "$skip" -eq 0 ] || awk -v name="$name" '
		toupper($0) ~ /^(OK|NOT OK|1\.\.0).*# *SKIP/ {
			print "skipped " name ": " $0 (last != "" ? " (" last ")" : "")
		}
		{ last = /^# / ? substr($0, 3) : "" }
	' "$out"
}
