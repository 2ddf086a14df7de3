#!/bin/sh
# Puts the built programs and what the system needs to run them in place, below
# DESTDIR. `make install` and the package both use it, so that there is one list
# of what belongs where.
#
#	install.sh DESTDIR BINDIR
#
# With an empty DESTDIR, users, directories and units are made known to the
# running system as well; nothing is started.
set -eu

dest=$1 bin=$2
here=$(dirname "$0")
top=$here/..

put() { # MODE SOURCE DESTINATION
	install -D -m "$1" "$2" "$dest$3"
}

for program in nexusd nodemgr storaged netd authd maild gatewayd nexus-init; do
	put 755 "$bin/$program" "/usr/lib/nexus/$program"
done
put 755 "$bin/nexusctl" /usr/bin/nexusctl

for unit in "$here"/systemd/*; do
	put 644 "$unit" "/usr/lib/systemd/system/$(basename "$unit")"
done
for kind in sysusers.d tmpfiles.d modules-load.d; do
	put 644 "$here/$kind/nexus.conf" "/usr/lib/$kind/nexus.conf"
done

put 644 "$here/nexus.conf" /usr/share/doc/nexus/nexus.conf
# What an administrator wrote stays.
[ -e "$dest/etc/nexus/nexus.conf" ] ||
	put 644 "$here/nexus.conf" /etc/nexus/nexus.conf

for page in "$top"/*/*.[1-8] "$top"/*/*/*.[1-8]; do
	[ -e "$page" ] || continue
	put 644 "$page" "/usr/share/man/man${page##*.}/$(basename "$page")"
done

[ -z "$dest" ] || exit 0
systemd-sysusers /usr/lib/sysusers.d/nexus.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/nexus.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl start systemd-modules-load.service
	echo "Nexus is installed; start it with: systemctl enable --now nexus.target"
fi
