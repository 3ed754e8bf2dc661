#!/bin/bash
# Checks everything about the source that is not a test: format, layers,
# sizes, shell scripts, debt, clang-tidy. Prints `ok - NAME` or
# `not ok - NAME` for each, with what is wrong below it.
#
# usage: tools/check.sh [full]
#   full   clang-tidy of all files, not only of those that changed since the
#          merge base with main, and coverage of the parts that must have it

# shellcheck disable=SC2317 # the checks are called through `point`
set -uo pipefail
# The distribution's own programs, which are those that install.sh brings.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
full=
failed=0
case ${1:-} in
full) full=yes ;;
'') ;;
*)
	sed -n '/^# usage/,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

point() {
	local name=$1 log
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		failed=1
	fi
	tail -n 200 "$log" | sed 's/^/    /'
	rm -f "$log"
}

# Tracked files and new ones alike: a file is checked before it is committed.
files() {
	git ls-files -co --exclude-standard --deduplicate -- "$@" |
		while IFS= read -r name; do
			[ ! -f "$name" ] || echo "$name"
		done
}

# The commit that changes are counted from: where this branch left main, or
# the last commit on main itself; nothing when there is no such commit.
find_base() {
	local ref base head
	head=$(git rev-parse -q --verify HEAD) || return 0
	for ref in origin/main main; do
		base=$(git merge-base HEAD "$ref" 2>/dev/null) || continue
		[ "$base" = "$head" ] || break
		base=
	done
	echo "${base:-$(git rev-parse -q --verify HEAD~1 || true)}"
}

changed() {
	if [ -z "$base" ]; then
		files "$@"
	else
		git diff --name-only --diff-filter=d "$base" -- "$@"
		git ls-files -o --exclude-standard -- "$@"
	fi
}

check_format() {
	local wrong
	wrong=$(files '*.c' '*.h' | xargs -r clang-format --dry-run 2>&1 |
		awk -F: '/-Wclang-format-violations/ { n[$1]++ }
			END { for (f in n) print f ": " n[f] " places" }')
	if [ -n "$wrong" ]; then
		printf '%s\n' "$wrong" | sort
		echo "clang-format -i FILE repairs it"
		return 1
	fi
}

check_shell() {
	local scripts
	mapfile -t scripts < <({
		files '*.sh'
		git grep -lI --untracked -E '^#!/bin/(ba)?sh' -- ':!*.sh'
	} | sort -u)
	[ ${#scripts[@]} = 0 ] || shellcheck "${scripts[@]}"
}

# Debt is marked with three X and a colon, and may only become less.
check_debt() {
	local mark='XX''X:' now then=
	now=$(git grep -I --untracked -e "$mark" | wc -l)
	if [ -n "$base" ]; then
		then=$(git grep -I -e "$mark" "$base" | wc -l)
	fi
	echo "$now marks of debt, ${then:-unknown} before"
	[ "$now" -le "${then:-$now}" ]
}

# What clang-tidy should look at: .c files that changed, or that name a
# header which did.
tidy_list() {
	if [ -n "$full" ]; then
		files '*.c'
		return
	fi
	changed '*.c'
	changed '*.h' | while IFS= read -r header; do
		git grep -l --untracked -e "include.*\b${header##*/}" -- '*.c'
	done
}

# Only what is compiled here: plugins whose libraries are missing are not.
check_tidy() {
	local dir=build-test/clang
	if [ ! -f "$dir/build.ninja" ]; then
		mkdir -p build-test
		CC=clang meson setup "$dir" >/dev/null || return 1
	fi
	# For headers that are generated; whether it compiles is test.sh's.
	ninja -C "$dir" -j2 -k0 --quiet >/dev/null 2>&1
	tidy_list | sort -u | while IFS= read -r name; do
		! grep -qF "\"file\": \"../../$name\"" \
			"$dir/compile_commands.json" || echo "$name"
	done | xargs -r -n 1 -P 2 clang-tidy -p "$dir" --quiet 2>&1 |
		{ grep -v '^[0-9]* warnings\? generated\.$' || true; }
}

# The parts where an untested line is a bug that nobody has met yet.
check_coverage() {
	local dir=build-test/coverage
	if [ ! -f "$dir/build.ninja" ]; then
		mkdir -p build-test
		CC=gcc meson setup "$dir" -Db_coverage=true -Dtests=enabled \
			--buildtype=debug >/dev/null || return 1
	fi
	ninja -C "$dir" -j2 --quiet || return 1
	find "$dir" -name '*.gcda' -delete
	meson test -C "$dir" --no-rebuild --num-processes 2 --quiet \
		--suite unit --suite fuzz >/dev/null || return 1
	gcovr -r . --object-directory "$dir" "$dir" --csv \
		--filter 'supervisor/core/(fsm|(conf|bind)\w*|scalar|schema|subtree|tree|expand|number)\.c' \
		--filter 'common/(sp|cron\w*|zone\w*)\.c' | awk -F, '
		NR > 1 {
			part = $1 ~ /\/(fsm|sp)\.c$/ ? $1 : \
			    $1 ~ /\/(cron|zone)[a-z]*\.c$/ ? "schedules" : \
			    "configuration"
			lines[part] += $2
			covered[part] += $3
			printf "%5.1f %% of %4d lines: %s\n", $4 * 100, $2, $1
		}
		END {
			for (part in lines) {
				n++
				share = 100 * covered[part] / lines[part]
				printf "%s: %.1f %% (95 %% at least)\n", \
				    part, share
				bad = bad || share < 95
			}
			exit bad || n != 4
		}'
}

tools/install.sh build test check || exit 1
base=$(find_base)
point format check_format
point layers python3 tools/layers.py
point sizes tools/sizes.sh
point shellcheck check_shell
point debt check_debt
point clang-tidy check_tidy
if [ -n "$full" ]; then
	point coverage check_coverage
fi
exit "$failed"
