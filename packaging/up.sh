#!/bin/sh
# A whole Nexus in the foreground, from a clone: what is behind `make up`.
#
#	up.sh [PORT [nexus-up options]]
#
# Makes the system users Nexus runs as, which is all that stays on the machine,
# and hands over to nexus-up. BUILD says where the programs were built.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
users=$here/sysusers.d/nexus.conf

case ${1-} in
-h | --help) exec "$build/bin/nexus-up" --help ;;
esac
port=${1:-8080}
[ $# -eq 0 ] || shift

if [ "$(id -u)" -ne 0 ]; then
	echo "make up: a Nexus makes namespaces, mounts and links: run it as" \
	    "root (sudo make up)." >&2
	exit 1
fi

# Without systemd-sysusers (another init, a small image): the same file, read
# with what every Debian has.
make_users() {
	while read -r kind name id rest; do
		case $kind in
		g)
			getent group "$name" >/dev/null ||
				groupadd --system "$name"
			;;
		u)
			getent passwd "$name" >/dev/null && continue
			getent group "$name" >/dev/null ||
				groupadd --system "$name"
			useradd --system --gid "$name" --home-dir / \
				--no-create-home --shell /usr/sbin/nologin \
				--comment "$(echo "$rest" | cut -d'"' -f2)" "$name"
			;;
		m)
			usermod --append --groups "$id" "$name"
			;;
		esac
	done <"$users"
}

if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers "$users"
else
	make_users
fi

exec "$build/bin/nexus-up" --port "$port" "$@"
