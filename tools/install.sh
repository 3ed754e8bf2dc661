#!/bin/bash
# Installs the packages of some sections of tools/packages.txt, those that
# are missing. Starts no service. Needs root or sudo only when there is
# something to install.
#
# usage: tools/install.sh SECTION...

set -euo pipefail
list=$(dirname "$(readlink -f "$0")")/packages.txt
policy=/usr/sbin/policy-rc.d
policy_is_ours=

# The package names of one section, one a line.
section() {
	awk -v want="[$1]" '
		/^\[/ { inside = ($0 == want); known = known || inside; next }
		inside && NF && !/^#/ { print $1 }
		END { exit !known }' "$list"
}

wanted() {
	local name
	for name in "$@"; do
		section "$name" || {
			echo "install.sh: no section [$name] in $list" >&2
			return 2
		}
	done
}

# Those of the arguments that are not installed.
missing() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
		2>/dev/null | awk '$1 == "installed" { print $2 }' || true)
	printf '%s\n' "$@" | sort -u | grep -vxF -f <(printf '%s\n' "$have") ||
		true
}

lists_are_fresh() {
	local lists=/var/lib/apt/lists
	compgen -G "$lists/*Packages*" >/dev/null &&
		[ -n "$(find "$lists" -maxdepth 0 -mtime -1)" ]
}

# Packages of servers would start them. A policy that is there already is
# somebody's decision and stays.
forbid_services() {
	if (set -C && printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null
	then
		policy_is_ours=yes
		chmod 755 "$policy"
	fi
}

allow_services() {
	if [ -n "$policy_is_ours" ]; then
		rm -f "$policy"
	fi
}

get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
		--no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
		</dev/null
}

main() {
	local packages
	if [ $# = 0 ]; then
		echo "usage: tools/install.sh SECTION... (sections of $list)" >&2
		exit 2
	fi
	packages=$(wanted "$@")
	# shellcheck disable=SC2086 # a list of words
	mapfile -t packages < <(missing $packages)
	if [ ${#packages[@]} = 0 ]; then
		return
	fi
	echo "installing: ${packages[*]}"
	if [ "$(id -u)" != 0 ]; then
		exec sudo "$0" "$@"
	fi
	trap allow_services EXIT
	trap 'exit 130' INT TERM HUP
	forbid_services
	lists_are_fresh || apt-get -q update
	get "${packages[@]}" || {
		# A package may have been replaced since the lists were made.
		apt-get -q update
		get "${packages[@]}"
	}
}

main "$@"
