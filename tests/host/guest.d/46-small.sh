#!/bin/bash
# small: the least memory a node can have. It starts, or says why not.
. "$LIB"
needs_nexus

for mem in 4 8 16; do
	if out=$(nexusctl node create "small$mem" --mem $mem --storage 16M 2>&1); then
		is "a node with $mem MiB works" \
		    "$(timeout 20 nexusctl node exec "small$mem" -- /bin/echo in 2>&1)" in
		nexusctl node delete "small$mem" --force >/dev/null
	else
		like "a node with $mem MiB says what is wrong" "$out" "too small"
	fi
done
is "nothing is left of them" "$(nexusctl node ls -q)" ""
