#!/bin/bash
# Is what /etc/nexus/nexus.conf shows as the defaults what nexus.conf(5) names
# and what the programs accept?
. "$LIB"
needs_nexus

shipped=$SRC/packaging/nexus.conf
conf=/etc/nexus/nexus.conf
keys() {
	sed -nE 's/^;?([a-z_]+) *=.*/\1/p' "$shipped" | sort
}
described() {
	sed -n '/^\.Ss \[nexus\]/,/^\.Sh FILES/s/^\.It Cm //p' \
	    "$SRC/common/nexus.conf.5" | sort
}
is "it shows the keys of nexus.conf(5)" "$(keys)" "$(described)"

sed -E '/^;init =/d; s/^;([a-z_]+ *=)/\1/' "$shipped" >"$conf"
for unit in $UNITS; do
	systemctl restart "$unit" || true
done
try "the programs accept all of them" \
    within 30 systemctl -q is-active $ALL_UNITS
out=$(journalctl -b -o cat --no-pager --since=-60s -p err -u 'nexus*')
is "without a complaint" "$out" ""
cp "$shipped" "$conf"
for unit in $UNITS; do
	systemctl restart "$unit" || true
done
try "and are back with the shipped file" \
    within 30 systemctl -q is-active $ALL_UNITS
