#!/bin/bash
# function: do a function's limits hold where the kernel can enforce them, and
# is how it ended told apart?
. "$LIB"
needs_nexus

run() { # ARGUMENT...: the code on stdin; the report in $out, status in $?
	local file status
	file=$(mktemp --suffix=.py)
	cat >"$file"
	out=$(timeout 150 nexusctl lambda run "$file" -o json "$@" 2>/dev/null)
	status=$?
	rm -f "$file"
	return $status
}
report() { jq -r ".$1" <<<"$out"; }

run <<<'print("hello")'
is "it runs" "$(report stdout | head -n 1)" hello
is "and says how it ended" "$(report reason)" exit
is "its limits are enforced" "$(report limits_enforced)" true
like "with the memory it took" "$(report peak_memory)" '^[1-9][0-9]{6,}$'

# Each page is a fault, and each fault of a guest of User-Mode Linux some trips
# through ptrace: the time for 128 MiB of them is the machine's, not asked here.
run --timeout 120 <<<'x = bytearray(512 << 20)'
is "one that takes too much memory is ended" "$(report reason)" out-of-memory
is "when it has all it may have" "$(report peak_memory)" $((128 << 20))
note "after $(report execution_time_ms) ms"
run --timeout 120 <<<'import os
n = 0
try:
    while True:
        if os.fork() == 0:
            import time; time.sleep(1000)
        n += 1
except OSError:
    print("forks", n)'
like "a fork bomb stops" "$(report stdout)" '^forks [1-6]?[0-9]$'
run --timeout 1 <<<'while True: pass'
is "one that does not end is ended" "$(report reason)" timeout
run <<<'import os; os.kill(os.getpid(), 11)'
is "a signal is told" "$(report reason)" signal
is "no cgroup is left" \
    "$(within 5 test -z "$(ls -d "$NODES_CGROUP"/functions/f* 2>/dev/null)"; \
    ls -d "$NODES_CGROUP"/functions/f* 2>/dev/null)" ""
