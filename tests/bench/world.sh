# SPDX-License-Identifier: Apache-2.0
# Sourced by run: the trees and namespaces of a comparison, processes, measuring. All of it lives in the mount and PID namespaces of
# one run and ends with them.
#
#     generator (namespace g, CPU_G) 192.0.2.254, and every address of 10.0.0.0/8  ----  192.0.2.1 (namespace r, CPU_R) responder
#     a second one (namespace h) with every address of 10.64.0.0/10 ---------------------------^
ADDRESS=192.0.2.1
SHIM=${BENCH_SHIM:-auto}     # auto: where the kernel has no ESP; yes; no
CPU_R=${BENCH_CPU_R:-0} CPU_G=${BENCH_CPU_G:-1}
declare -A TREE BINS         # of a Debian (12, 13, own): its root, and where our programs are as seen from there
PID='' WHO='' DEB=''         # the responder that runs

note() { printf '%s\n' "# $*" >&2; }
lack() { LACKS["$1"]=$2; note "$1: $2"; put lack "${3:--}" "$1" why 0 "$2" 0; }
put() { # put CASE DEBIAN WHO METRIC ROUND VALUE PROBE
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${@//[$'\n\t']/ }" >> "$RESULTS"; }

# --- the trees -----------------------------------------------------------------
tree_root() { case $1 in 12) lab_tree bookworm ;; 13) lab_tree trixie ;; *) echo / ;; esac; }
tree_open() { # tree_open DEBIAN: an overlay in memory over the root tree; /bench is $W, /build the build
	local root top=$W/tree-$1 r=$W/tree-$1/root d n=880
	root=$(tree_root "$1")
	mkdir -p "$top"; mount -t tmpfs tmpfs "$top"; mkdir "$top"/{up,work,root}
	mount -t overlay -o "lowerdir=$root,upperdir=$top/up,workdir=$top/work" overlay "$r" || return 1
	if [ "$root" = / ]; then for d in /usr /var /opt /home /srv; do ! mountpoint -q $d || mount --bind $d "$r$d"; done; fi
	mkdir -p "$r"/{proc,sys,dev,tmp,run,bench,build}
	mount --rbind /proc "$r/proc"; mount --rbind /dev "$r/dev"; mount --rbind /sys "$r/sys"
	mount -t tmpfs -o mode=1777 tmpfs "$r/tmp"; mount -t tmpfs -o mode=755 tmpfs "$r/run"
	mount --bind "$W/shared" "$r/bench"; mount --bind "${BINS[$1]}" "$r/build"
	for d in core vault judge hand fetch; do # as a package makes them (packaging/charon-lite.sysusers)
		grep -q "^charon-lite-$d:" "$r/etc/passwd" || echo "charon-lite-$d:x:$((n++)):65534::/:/usr/sbin/nologin" >> "$r/etc/passwd"
	done
	TREE[$1]=$r; }
in_tree() { # in_tree DEBIAN COMMAND...
	local d=$1; shift
	chroot "${TREE[$d]}" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 "$@"; }
shim_build() { # for the C library of each tree, by its own compiler
	[ "$SHIM" = yes ] || return 0
	cp "$HERE/xfrm_shim.c" "$W/shared/"
	in_tree "$1" gcc -std=gnu17 -O2 -shared -fPIC -o "/bench/shim-$1.so" /bench/xfrm_shim.c -ldl; }

# --- the network ------------------------------------------------------------------
network() {
	local n
	mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
	for n in r g h; do ip netns add $n; ip -n $n link set lo up; done
	ip link add wan netns r type veth peer name wan netns g
	ip -n r addr add $ADDRESS/24 dev wan; ip -n g addr add 192.0.2.254/24 dev wan
	ip link add more netns r type veth peer name wan netns h
	ip -n r addr add 192.0.3.1/24 dev more; ip -n h addr add 192.0.3.254/24 dev wan; ip -n r link set more up
	for n in r g h; do
		ip -n $n link set wan up
		nsenter --net=/run/netns/$n sh -c 'for f in all default wan; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done'
	done
	ip -n g route add local 10.0.0.0/8 dev lo; ip -n r route add 10.0.0.0/8 via 192.0.2.254
	ip -n h route add $ADDRESS via 192.0.3.1; ip -n h route add local 10.64.0.0/10 dev lo; ip -n r route add 10.64.0.0/10 via 192.0.3.254; }
generator() { nsenter --net=/run/netns/g taskset -c "$CPU_G" "$BUILD/tests/bench/charon-bench" "$@"; }

# --- processes ----------------------------------------------------------------------
spawn() { # spawn COMMAND...: the responder, in its tree, namespace and CPU; it marks its beginning
	local e=(); [ "$SHIM" != yes ] || { rm -f "$W/shared/counts"; e=("LD_PRELOAD=/bench/shim-$DEB.so" XFRM_SHIM_COUNTS=/bench/counts); }
	nsenter --net=/run/netns/r taskset -c "$CPU_R" chroot "${TREE[$DEB]}" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 \
		${ENVS[@]+"${ENVS[@]}"} /build/tests/bench/bench_ready mark /bench/began ${e[@]+"${e[@]}"} "$@" >"$W/shared/$WHO.out" 2>&1 & PID=$!; }
load() { # load COMMAND...: a program that gives the responder its configuration; its CPU is counted into LOADED_US
	local t; TIMEFORMAT='%U %S'
	t=$( { time timeout "${LOAD_LIMIT:-10}" nsenter --net=/run/netns/r taskset -c "$CPU_R" chroot "${TREE[$DEB]}" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp \
		${ENVS[@]+"${ENVS[@]}"} "$@" >"$W/shared/$WHO.load" 2>&1; } 2>&1 ) || return 1
	LOADED_US=$(awk -v a="$LOADED_US" -v t="$t" 'BEGIN { split(t, v, " "); printf "%d", a + (v[1] + v[2]) * 1e6 }'); }
stop() { # ends the responder and whatever it began
	local all p; [ -n "$PID" ] || return 0
	all=$(watch | awk '{ print $1 }')
	kill "$PID" 2>/dev/null
	for _ in {1..60}; do kill -0 "$PID" 2>/dev/null || break; sleep 0.05; done
	for p in $all; do kill -KILL "$p" 2>/dev/null; done
	wait "$PID" 2>/dev/null; PID=''; }

# Neither CPU halts: to wake a virtual one costs more than a datagram does, and is none of what is compared. Whatever else wants the
# CPU has it at once (SCHED_IDLE). BENCH_AWAKE=no leaves it.
awake() {
	[ "${BENCH_AWAKE:-yes}" = yes ] || return 0
	local c; for c in "$CPU_R" "$CPU_G"; do taskset -c "$c" chrt -i 0 sh -c 'while :; do :; done' & done; }

# --- measuring -----------------------------------------------------------------------
watch() { "$BUILD/tests/bench/bench_watch" "$@" "$PID"; }
cpu() { watch | awk '{ s += $3 + $4 } END { printf "%.1f", s }'; }        # of all processes, us
pss() { watch -m | awk '{ s += $6 } END { print s + 0 }'; }               # KiB
probe() { taskset -c "$CPU_R" "$BUILD/tests/bench/bench_probe" "${1:-0.06}"; }
mean() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (a + b) / 2 }'; }
per() { awk -v a="$1" -v b="$2" -v n="$3" 'BEGIN { printf "%.2f", (b - a) / n }'; } # (B - A) / N
settle() { # until the responder has been at rest for a tenth of a second, SECONDS at most
	local a b end=$((SECONDS + ${1:-20})); a=$(cpu)
	while [ $SECONDS -lt $end ]; do
		sleep 0.1; b=$(cpu)
		! awk -v a="$a" -v b="$b" 'BEGIN { exit !(b - a < 1500) }' || return 0
		a=$b
	done; }
counted() { # XFRM so far: "SENDS MESSAGES"
	[ -s "$W/shared/counts" ] || { echo "0 0"; return; }
	od -An -v -tu8 -w8 "$W/shared/counts" | awk 'NR == 1 { s = $1 } NR > 1 { n += $1 } END { print s + 0, n + 0 }'; }
ready() { nsenter --net=/run/netns/g taskset -c "$CPU_G" "$BUILD/tests/bench/bench_ready" wait "${1:-now}" $ADDRESS "${2:-20}"; }
