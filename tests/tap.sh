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
	local name=$1 seconds=$2 status=0
	shift 2
	run_limited "$seconds" "$tmp/out" "$@" || status=$?
	count_tap "$name" "$tmp/out" "$status"
}

# Several at once: begin_tap AT_ONCE NAME SECONDS COMMAND... waits until fewer than
# so many run; await_tap until none does. What each said is counted, and shown
# whole, when it has ended.
declare -A beside=() # the process of each, and its name

begin_tap() {
	local at_once=$1 name=$2 seconds=$3
	shift 3
	while [ ${#beside[@]} -ge "$at_once" ]; do
		await_one
	done
	# What the shell puts behind it would not hear of a Ctrl-C.
	timeout -k 20 "$seconds" env --default-signal=INT,QUIT "$@" \
	    >"$tmp/beside.${name//\//.}" 2>&1 </dev/null &
	beside[$!]=$name
}

await_one() {
	local pid status=0 name
	wait -n -p pid "${!beside[@]}" || status=$?
	name=${beside[$pid]}
	unset "beside[$pid]"
	count_tap "$name" "$tmp/beside.${name//\//.}" "$status"
	rm -f "$tmp/beside.${name//\//.}"
}

await_tap() {
	while [ ${#beside[@]} -gt 0 ]; do
		await_one
	done
}

end_tap() {
	[ ${#beside[@]} -eq 0 ] || kill "${!beside[@]}" 2>/dev/null
}

# count_tap NAME FILE STATUS: adds to passed, failed and skipped.
count_tap() {
	local name=$1 out=$2 status=$3 ok=0 bad=0 skip=0 plan=-1 why=
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
		echo "    $name: $ok ok"
	fi
	# The reason stands behind SKIP, or in the comment just before it.
	[ "$skip" -eq 0 ] || awk -v name="$name" '
		toupper($0) ~ /^(OK|NOT OK|1\.\.0).*# *SKIP/ {
			print "skipped " name ": " $0 (last != "" ? " (" last ")" : "")
		}
		{ last = /^# / ? substr($0, 3) : "" }
	' "$out"
}
