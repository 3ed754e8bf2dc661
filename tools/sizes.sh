#!/bin/bash
# How long functions and files are. Prints the figures and fails beyond the
# limits: half of all functions at most 15 lines, nine of ten below 55, none
# above 60 without NOLINT (and its reason) just before it, no file above 800.
# Relies on the braces of a function standing alone at the left margin, as
# clang-format leaves them.
#
# usage: tools/sizes.sh [FILE...]     (all C files of the project)

set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files -co --exclude-standard -- '*.c' '*.h')
else
	files=("$@")
fi
if [ ${#files[@]} = 0 ]; then
	echo "sizes: no C file"
	exit
fi

# One line a function: lines between the braces, file:line, NOLINT or "-".
# Tests count for the file sizes only: their tables are long on purpose.
functions() {
	printf '%s\0' "${files[@]}" |
		{ grep -zEv '^(tests|bench)/' || true; } |
		xargs -0 -r awk '
		FNR == 1 { allowed = "-"; inside = 0 }
		/NOLINT/ && !inside { allowed = "NOLINT" }
		/^{$/ { inside = 1; start = FNR; next }
		/^}/ && inside {
			print FNR - start - 1, FILENAME ":" start - 1, allowed
			inside = 0
		}
		/^}/ || /;$/ && !inside { allowed = "-" }'
}

functions | sort -n | awk '
	{ n++; lines[n] = $1 }
	$1 > 60 && $3 == "-" {
		print $2 ": a function of " $1 " lines (60 at most)"
		bad = 1
	}
	END {
		if (!n)
			exit
		median = lines[int((n + 1) / 2)]
		p90 = lines[int(n * 0.9 + 0.999)]
		printf "functions: %d, median %d lines (15 at most), " \
		    "p90 %d (below 55), longest %d\n", n, median, p90, lines[n]
		exit bad || median > 15 || p90 >= 55
	}' || failed=1

wc -l -- "${files[@]}" | awk '
	$2 == "total" { next }
	{ n++; sum += $1; if ($1 > max) { max = $1; name = $2 } }
	$1 > 800 { print $2 ": " $1 " lines (800 at most)"; bad = 1 }
	END {
		printf "files: %d, %d lines, longest %d (%s)\n", n, sum, max, name
		exit bad
	}' || failed=1

exit "${failed:-0}"
