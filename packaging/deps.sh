#!/bin/sh
# Installs the Debian or Ubuntu packages Nexus needs, by name and only those
# that are missing, so that a clone builds on a machine that has nothing but
# git, make and apt. Silent when there is nothing to do.
#
#	deps.sh GROUP...		install what is missing
#	deps.sh --list GROUP...		print the names that apt knows, one a line
#
# GROUP is the name of a packaging/deps/GROUP.list. A line there is
#	name[|other name...][?]		# why
# The first name that is installed, or else that apt knows, satisfies it (names
# differ between releases); with `?` it may also be unknown to apt.
#
# A package that brings a service does not get it started by this script.
set -eu

lists=$(dirname "$0")/deps
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

die() {
	echo "deps: $*" >&2
	exit 1
}

# entries GROUP...: the lines of the lists, comments and blanks taken off.
entries() {
	for group; do
		[ -f "$lists/$group.list" ] || die "no group '$group' in $lists"
		sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$lists/$group.list"
	done | sort -u
}

is_installed() {
	case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
	installed) return 0 ;;
	esac
	return 1
}

apt_knows() {
	apt-cache policy "$1" 2>/dev/null |
		grep -q '^ *Candidate: [^(]'
}

# first_of TEST NAME|NAME...: prints the first name for which TEST holds.
first_of() {
	for name in $(echo "${2%\?}" | tr '|' ' '); do
		if "$1" "$name"; then
			echo "$name"
			return 0
		fi
	done
	return 1
}

# missing GROUP...: the entries of which no name is installed.
missing() {
	for entry in $(entries "$@"); do
		first_of is_installed "$entry" >/dev/null || echo "$entry"
	done
}

# resolve ENTRY...: one name for each. Status 1: apt does not know some entry;
# those are printed on stderr.
resolve() {
	status=0
	for entry; do
		first_of apt_knows "$entry" && continue
		case $entry in
		*\?) ;;
		*) status=1; echo "deps: apt does not know $entry" >&2 ;;
		esac
	done
	return $status
}

# Only update when apt does not know a name: lists are fetched once, not on
# every run.
updated=
update() {
	[ -z "$updated" ] || return 0
	updated=yes
	apt-get -qq update >&2 || die "apt-get update failed"
}

resolve_updating() {
	resolve "$@" 2>/dev/null && return 0
	update
	resolve "$@"
}

# Maintainer scripts ask /usr/sbin/policy-rc.d before they start a service;
# 101 means "don't". One that is already there and says so is left alone.
policy=/usr/sbin/policy-rc.d
guard=
no_services() {
	if [ -x "$policy" ]; then
		status=0
		"$policy" nginx start >/dev/null 2>&1 || status=$?
		[ "$status" -ne 101 ] || return 0
		mv "$policy" "$policy.before-nexus-deps"
	fi
	guard=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

services_again() {
	[ -n "$guard" ] || return 0
	guard=
	rm -f "$policy"
	if [ -e "$policy.before-nexus-deps" ]; then
		mv "$policy.before-nexus-deps" "$policy"
	fi
}

# install NAME...: output only on failure. Stale lists name versions that the
# mirror no longer has, hence the second try after an update.
install() {
	log=$(mktemp)
	trap 'services_again; rm -f "$log"' EXIT
	trap 'exit 1' HUP INT TERM
	no_services
	if ! apt_install "$@" >"$log" 2>&1; then
		update
		apt_install "$@" >"$log" 2>&1 || {
			cat "$log" >&2
			die "could not install: $*"
		}
	fi
	services_again
}

apt_install() {
	apt-get -y -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "$@" </dev/null
}

[ $# -gt 0 ] || die "usage: deps.sh [--list] GROUP..."
command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
	die "this is not a Debian or Ubuntu system; see $lists for what to install"

if [ "$1" = --list ]; then
	shift
	# shellcheck disable=SC2046
	resolve_updating $(entries "$@")
	exit
fi

wanted=$(missing "$@")
[ -n "$wanted" ] || exit 0
# shellcheck disable=SC2086
names=$(resolve_updating $wanted | sort -u | tr '\n' ' ')
[ -n "$names" ] || exit 0
[ "$(id -u)" = 0 ] || die "as root: apt-get install --no-install-recommends $names"
echo "deps: installing for $*: $names"
# shellcheck disable=SC2086
install $names
# A comparison in `make bench` is no reason to serve at the next boot.
case " $names" in
*" nginx"*) update-rc.d nginx disable >/dev/null 2>&1 || true ;;
esac
