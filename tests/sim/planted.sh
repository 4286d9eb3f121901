#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Do the laws of the simulator find bugs? Builds a charon-sim with all bugs of tests/sim/planted/ and hunts them, one at a time:
#
#   tests/sim/planted.sh BUILDDIR [N|all|NAME...]
#
# N of them (5), others every day; all; or those that are named. SECONDS_EACH (60) is how long each may escape. A patch that does
# not apply is a failed test: the code has moved on, and the patch must follow. Speaks TAP.
set -euo pipefail
build=$(realpath "${1:?usage: planted.sh BUILDDIR [N|all|NAME...]}"); shift
[ $# -gt 0 ] || set -- 5
src=$(realpath "$(dirname "$0")/../..")
each=${SECONDS_EACH:-60}
work=$build/planted
failed=0 number=0
ok() { number=$((number+1)); echo "ok $number - $1"; }
not_ok() { number=$((number+1)) failed=$((failed+1)); echo "not ok $number - $1"; }

# --- the planted build: patched sources become objects that go before the archives of the build ---------------------------
rm -rf "$work"; mkdir -p "$work/src"
names=() applied=()
for p in "$src"/tests/sim/planted/*.patch; do names+=("$(basename "$p" .patch)"); done
for n in "${names[@]}"; do
	p=$src/tests/sim/planted/$n.patch
	for f in $(sed -n 's|^+++ b/||p' "$p" | cut -f1); do
		case $f in *.c) ;; *) not_ok "$n: patches $f, which is no C source"; continue 2 ;; esac
		[ -e "$work/src/$f" ] || { mkdir -p "$work/src/$(dirname "$f")"; cp "$src/$f" "$work/src/$f"; }
	done
	if ! grep -q "planted(\"$n\")" "$p"; then not_ok "$n: its patch has no planted(\"$n\")"
	elif patch -p1 -F0 -s --no-backup-if-mismatch -r - -d "$work/src" < "$p" > "$work/patch.log" 2>&1; then applied+=("$n")
	else not_ok "$n: the patch does not apply"; sed 's/^/# /' "$work/patch.log"; fi
done
[ ${#applied[@]} = ${#names[@]} ] && ok "${#names[@]} patches apply"
flags() { make -s -C "$build" -f - planted-flags <<-EOM
	include Makefile
	planted-flags: ; @echo '\$($1)'
	EOM
}
compile=$(flags COMPILE); libs=$(flags WITH_ALL); link=$(flags LINK); link=${link% -o \$@}; link=${link% -o}
cd "$build"
objects=()
object() { # object SOURCE NAME FLAGS...
	local o; o=$work/$(echo "$2" | tr / -).o
	$compile -I"$src/$(dirname "$2")" "${@:3}" -c "$1" -o "$o" || exit 1
	objects+=("$o")
}
while read -r f; do
	sed -i '1a bool planted(const char *name);' "$work/src/$f"
	sed -i '1a #include <stdbool.h>' "$work/src/$f"
	object "$work/src/$f" "$f"
done < <(cd "$work/src" && find . -name '*.c' | sed 's|^\./||' | sort)
object "$src/tests/sim/planted.c" tests/sim/planted.c -DPLANTED
sim=$work/charon-sim
$link -o "$sim" tests/sim/charon-sim.o "${objects[@]}" lib/libsim.a $libs
ok "the planted charon-sim is built: ${#applied[@]} bugs in it, none switched on"

# --- nothing switched on: the same runs as without any bug in it, and clean ---------------------------------------------------
hash_of() { sed -n 's/.*trace hash of all seeds \([0-9a-f]*\).*/\1/p' "$1"; }
seeds=${PLANTED_SEEDS:-2000}
"$build/tests/sim/charon-sim" --seeds "0..$seeds" --mixed > "$work/plain.log" 2>&1 && clean=1 || clean=0
"$sim" --seeds "0..$seeds" --mixed > "$work/none.log" 2>&1 || clean=0
if [ $clean = 1 ] && [ "$(hash_of "$work/plain.log")" = "$(hash_of "$work/none.log")" ]; then
	ok "with none switched on, seeds 0..$seeds are clean and play as ever"
else
	not_ok "with none switched on, seeds 0..$seeds are not clean, or play otherwise"; grep -h '^#' "$work/plain.log" "$work/none.log" | grep -v "laws judged\|faults injected" || :
fi

# --- the hunt -------------------------------------------------------------------------------------------------------------------
case $1 in
all) chosen=("${applied[@]}") ;;
[0-9]*) # others every day
	chosen=() day=$(($(date +%s) / 86400))
	for ((i = 0; i < $1 && i < ${#applied[@]}; i++)); do chosen+=("${applied[(day * $1 + i) % ${#applied[@]}]}"); done
	echo "# today (day $day): ${chosen[*]}" ;;
*) chosen=("$@") ;;
esac
caught=0 slowest=0
for n in "${chosen[@]}"; do
	log=$work/$n.log t=$(date +%s%N)
	if "$sim" --planted "$n" --hunt "$each" > "$log" 2>&1; then not_ok "$n escapes for $each s"; continue; fi
	ms=$((($(date +%s%N) - t) / 1000000)); [ $ms -le $slowest ] || slowest=$ms
	if ! grep -q '^# seed' "$log"; then not_ok "$n: the hunt failed"; tail -n 3 "$log" | sed 's/^/# /'; continue; fi
	# what fails without the bug as well caught nothing
	read -r seed scenario < <(sed -n 's/^# seed \([0-9]*\) (\([^)]*\)) breaks.*/\1 \2/p' "$log" | head -n 1)
	if ! "$sim" --seeds "$seed..$seed" --scenario "$scenario" > "$work/without.log" 2>&1; then
		not_ok "$n: seed $seed of $scenario fails without it too"; grep -h '^# seed' "$work/without.log" | sed 's/^/# /' || :; continue
	fi
	caught=$((caught+1))
	ok "$n: caught after $ms ms by $(sed -n 's/^# seed \([0-9]*\) (\([^)]*\)) breaks "\([^"]*\)".*/law "\3" in \2, seed \1/p' "$log" | head -n 1)"
	sed -n 's/^# seed [^:]*: /#   /p' "$log" | head -n 1
done
echo "# counted: planted bugs: $caught of ${#chosen[@]} hunted (${#names[@]} in all) are caught, the slowest after $slowest ms; unplanted seeds 0..$seeds are clean"
echo "1..$number"
[ $failed = 0 ]
