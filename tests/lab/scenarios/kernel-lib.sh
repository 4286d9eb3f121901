# SPDX-License-Identifier: Apache-2.0
# Sourced by the kernel scenarios: two gateways, each with a lab_kernel (the hand without a daemon), a host behind each.
#
#   ha --- ga --- gb --- hb      10.1.0.0/24, 192.0.2.0/24, 10.2.0.0/24 and fd01::/64, 2001:db8:a::/64, fd02::/64
set -u
LAB_KERNEL=${LAB_KERNEL:-/build/tests/lab/lab_kernel}
W=${W:-/run/lab-kernel}; mkdir -p "$W"
A=192.0.2.1 B=192.0.2.2 A6=2001:db8:a::1 B6=2001:db8:a::2
passes=0 fails=0 PIDS=()

note() { echo "# $*"; }
ok() { passes=$((passes+1)); echo "ok - $*"; }
nok() { fails=$((fails+1)); echo "not ok - $*"; }
check() { local d=$1; shift; if "$@" >"$W/check.log" 2>&1; then ok "$d"; else nok "$d ($*)"; sed 's/^/#   /' "$W/check.log" | tail -20; fi; }
refute() { local d=$1; shift; if "$@" >"$W/check.log" 2>&1; then nok "$d ($*)"; sed 's/^/#   /' "$W/check.log" | tail -20; else ok "$d"; fi; }
is() { if [ "$2" = "$3" ]; then ok "$1"; else nok "$1: got '$2', wanted '$3'"; fi; }
wait_for() { local n=$(( $1 * 20 )); shift; while ! "$@" >/dev/null 2>&1; do n=$((n-1)); [ $n -gt 0 ] || return 1; sleep 0.05; done; }
in_ns() { local n=$1; shift; ip netns exec "$n" "$@"; }
finish() {
	local p; for p in ${PIDS[@]+"${PIDS[@]}"}; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	echo "$passes passed, $fails failed"; [ $fails = 0 ]; exit $?; }

link() { # link NS1 IF1 NS2 IF2 NET4 NET6: a wire; the first end has .1, the second .2
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" addr add "$5.1/24" dev "$2"; ip -n "$3" addr add "$5.2/24" dev "$4"
	ip -n "$1" addr add "$6::1/64" dev "$2" nodad; ip -n "$3" addr add "$6::2/64" dev "$4" nodad
	ip -n "$1" link set "$2" up; ip -n "$3" link set "$4" up; }
topology() {
	local n m
	for m in xfrm_user esp4 esp6 xfrm_interface gcm ccm chacha20poly1305 cbc ctr echainiv veth; do modprobe -q $m 2>/dev/null; done
	for n in ha ga gb hb; do
		ip netns add $n; ip -n $n link set lo up
		in_ns $n bash -c 'cd /proc/sys/net; for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > $f; done
			for f in ipv4/conf/{all,default}/rp_filter ipv6/conf/{all,default}/accept_dad; do echo 0 > $f; done'
	done
	link ga lan ha eth0 10.1.0 fd01; link ga wan gb wan 192.0.2 2001:db8:a; link gb lan hb eth0 10.2.0 fd02
	ip -n ha route add default via 10.1.0.1; ip -n ha -6 route add default via fd01::1
	ip -n hb route add default via 10.2.0.1; ip -n hb -6 route add default via fd02::1
	ip -n ga route add 10.2.0.0/24 via $B; ip -n gb route add 10.1.0.0/24 via $A
	ip -n ga -6 route add fd02::/64 via $B6; ip -n gb -6 route add fd01::/64 via $A6
}
capture() { # capture NS IF FILE
	in_ns "$1" tcpdump -n -U --immediate-mode -i "$2" -w "$3" 2>"$3.err" & PIDS+=($!)
	wait_for 5 grep -q listening "$3.err"; }
packets() { tcpdump -nr "$1" "${2:-}" 2>/dev/null | wc -l; }
esp() { packets "$1" 'esp or (udp port 4500)'; }
clear_packets() { packets "$1" 'icmp and net 10.0.0.0/8 or icmp6 and net fd00::/8 and ip6[40] >= 128 and ip6[40] <= 129'; }
has_nft() { # whether this kernel has nftables; that the program is missing is no reason to leave something out
	command -v nft >/dev/null || { nok "no nft here: install nftables"; return 1; }
	in_ns ga nft add table ip try 2>/dev/null && in_ns ga nft delete table ip try; }
pings() { in_ns "$1" ping -n -c "${3:-3}" -i 0.2 -W 1 "$2"; }

# --- the hand on a leash: hand_start NS FILE, then `hand NS ORDER...` prints its answer ---------------------------------
hand_start() {
	local ns=$1 fd; shift
	rm -f "$W/$ns.in"; mkfifo "$W/$ns.in"; : > "$W/$ns.out"
	ip netns exec "$ns" "$LAB_KERNEL" "$@" <"$W/$ns.in" >"$W/$ns.out" 2>&1 & PIDS+=($!); eval "PID_$ns=$!"
	exec {fd}>"$W/$ns.in"; eval "FD_$ns=$fd"
	wait_for 5 grep -q '^ready' "$W/$ns.out" || { nok "the hand in $ns starts"; cat "$W/$ns.out"; return 1; }; }
answers() { grep -c '^answer' "$W/$1.out"; }
more_answers() { [ "$(answers "$1")" -gt "$2" ]; }
hand() {
	local ns=$1 n fd; shift
	eval "fd=\$FD_$ns"; n=$(answers "$ns")
	echo "$*" >&"$fd"
	wait_for 5 more_answers "$ns" "$n" || { echo "no answer to: $*"; return 1; }
	grep '^answer' "$W/$ns.out" | tail -1; }
hand_ok() { local a; a=$(hand "$@"); echo "$a"; case $a in "answer ok"*) return 0;; *) return 1;; esac; }
hand_kill() { local p; eval "p=\$PID_$1"; kill -KILL "$p"; wait "$p" 2>/dev/null; eval "exec {FD_$1}>&-"; }
event() { grep "^event $2" "$W/$1.out"; }
conf() { # conf FILE LOCAL REMOTE LOCALNET REMOTENET KEEP [MORE CHILD LINES...]
	local f=$1; shift
	cat > "$f" <<-EOF
	connections:
	  paris:
	    local: { address: $1, auth: psk }
	    remote: { address: $2 }
	    psk: file:paris.psk
	    children:
	      net:
	        local: [$3]
	        remote: [$4]
	        keep: $5
	EOF
	shift 5
	local l; for l; do echo "        $l" >> "$f"; done; }
both() { # both KEY [WORDS for both]: the tunnel on both sides, ga initiator
	local k=$1 i=$((0x1000 + $1 * 16)); shift
	hand_ok ga install paris/net in=$i out=$((i+1)) local=$A remote=$B key=$k initiator=1 "$@" &&
	hand_ok gb install paris/net in=$((i+1)) out=$i local=$B remote=$A key=$k initiator=0 "$@"; }
