#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sleep and clocks, which end no SA; data is back within 2 s.
#   - the whole machine is suspended and wakes: really so, where the kernel is User Mode Linux (CLOCK_BOOTTIME goes on, CLOCK_MONOTONIC stands
#     still); both gateways sleep, as two guests of one host would. The sleep is longer than our patience with the peer, and begins while
#     we wait for an answer
#   - every process of our daemon stops, for as long, while the kernel and the peer go on
#   - the wall clock goes ten years on, twenty back, and home again
#   nap=6   seconds of each sleep (60: the full size)
nap=${nap:-6}
. /lab/lib.sh
parameters "$@"
[ "$us" = charon ] || { note "our own sleep: nothing to do"; finish; }
CHARON_IKE_MORE="liveness: 1s, dead_after: 5s"
SWAN_CONN="dpd_delay = 0"
topology
[ "$outer" != nat ] || nat_at_inet
# the peer's patience is not what is tried here
if [ "$peer" = charon ]; then end_start "$OUR" && CHARON_IKE_MORE="liveness: never, dead_after: 10m" end_start "$THEIR" || { nok "both daemons start"; finish; }
else start_both; fi
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
crosses
spis "$OUR" > "$W/spis"; was=$(end_ike_id "$OUR")

seconds() { perl -MTime::HiRes=clock_gettime -e 'printf "%.3f\n", clock_gettime($ARGV[0])' "$1"; } # 1 = MONOTONIC, 7 = BOOTTIME
since() { awk -v a="$1" -v b="$(seconds "$2")" 'BEGIN { printf "%d\n", (b - a) * 1000 }'; }
wire() { # wire cut|whole: as a network that is gone, or back
	local n; for n in neta netb; do
		if [ "$1" = cut ]; then in_ns inet tc qdisc replace dev $n root netem loss 100%; else in_ns inet tc qdisc del dev $n root; fi; done; }
back() { # back WHAT: data is back, and nothing has been lost
	local t; t=$(seconds 1)
	wait_for 10 in_ns ha ping -n -c 1 -W 1 "$HB"; t=$(since "$t" 1)
	note "counted: lab suspend: $1 with $peer: data back after $t ms"
	check "$1: data is back within 2 s" test "$t" -le 2000
	check "$1: hb pings ha" pings hb "$HA"
	sleep 2 # whoever wondered has asked by now
	check "$1: the same Child SA" test "$(spis "$OUR" | paste -sd' ')" = "$(paste -sd' ' "$W/spis")"
	check "$1: the same IKE SA" test "$(end_ike_id "$OUR")" = "$was"
	check "$1: and it is used" pings ha "$HB"; }
crew() { local p; p=$(daemon_pid "$OUR"); echo $(ps -o pid= --ppid "$p") "$p"; }

# --- the machine sleeps -----------------------------------------------------------------------------------------------------------------
if grep -qs 'User Mode Linux' /proc/cpuinfo && grep -qs mem /sys/power/state && [ -d /job ]; then
	wire cut; sleep 3; note "asked by now: $(charon "$OUR" status | grep -c .) lines of status"
	m=$(seconds 1) b=$(seconds 7)
	echo "$nap" > /job/suspend.new; mv /job/suspend.new /job/suspend; echo mem > /sys/power/state
	m=$(since "$m" 1) b=$(since "$b" 7)
	wire whole
	note "suspended: CLOCK_MONOTONIC went on by $m ms, CLOCK_BOOTTIME by $b ms"
	check "it was a suspend" test $((b - m)) -ge $(( (nap - 1) * 1000 ))
	back "suspend of $nap s"
else note "this kernel cannot be suspended: our processes alone"; fi

# --- our processes sleep ------------------------------------------------------------------------------------------------------------------
wire cut; sleep 3
kill -STOP $(crew); sleep "$nap"; wire whole; kill -CONT $(crew)
back "stop of $nap s"

# --- the wall clock ------------------------------------------------------------------------------------------------------------------------
# The kernel measures lifetimes of SAs by the wall clock: a peer that set some loses its SAs by this, and that is its own business.
for jump in '+10 years' '-20 years' '+10 years'; do
	date -s "$jump" >/dev/null || { nok "the wall clock is set"; break; }
	if [ "$peer" = charon ]; then back "wall clock $jump"
	else
		t=$(seconds 1)
		check "wall clock $jump: data passes" wait_for 30 pings ha "$HB" 1
		note "after $(since "$t" 1) ms"
	fi
done
check "our daemon lives" end_alive "$OUR"
check "no clear packet" test "$(count "$W/inet.pcap" "$clear_filter")" = 0
finish
