#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon's processes: who may what, and what happens when one of them is killed or hangs. Never a clear packet; a dead vault,
# judge or fetch is not even noticed by the traffic; a dead core or hand costs the SAs, and the tunnel returns by itself.
KEEP=up
. /lab/lib.sh
parameters "$@"
[ "$us" = charon ] && [ "$role" = initiator ] || { note "our own processes, as initiator: nothing to do"; finish; }
topology
start_both
capture inet netb "$W/inet.pcap"
pid() { charon ga status | sed -n "s/^processes:.* $1 \([0-9]*\).*/\1/p"; }
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
up() { wait_for 40 has_children ga && wait_for 20 pings ha "$HB" 1; }
new_pid() { local p; p=$(pid "$1"); [ -n "$p" ] && [ "$p" != "$2" ]; }
check "the tunnel comes up by itself" up

for r in core vault judge hand fetch; do
	p=$(pid $r); caps=$(field "$p" CapEff)
	want=0000000000000000; [ $r != hand ] || want=0000000000001000 # CAP_NET_ADMIN
	check "$r: capabilities $want" test "$caps" = $want
	check "$r: no new privileges, a system call filter" test "$(field "$p" NoNewPrivs) $(field "$p" Seccomp)" = "1 2"
	check "$r: cannot be read by its own user" test "$(stat -c %u "/proc/$p/mem")" = 0
	echo "$(field "$p" Uid | cut -f1)"
done > "$W/uids.log"
grep -v '^[0-9]*$' "$W/uids.log"
check "five users, none of them root" test "$(grep '^[0-9]*$' "$W/uids.log" | sort -u | grep -cvx 0)" = 5

ip netns exec ha ping -n -i 0.05 -c 60 "$HB" >"$W/stream" 2>&1 & stream=$!
for r in vault judge fetch; do
	p=$(pid $r); kill -KILL "$p"
	check "$r is begun anew" wait_for 10 new_pid $r "$p"
done
wait $stream
check "and no ping was lost" grep -q ' 0% packet loss' "$W/stream"
check "a new proof: down" charon ga down s2s
check "and up" charon ga up s2s
check "ha pings hb" pings ha "$HB"

for r in core hand; do
	p=$(pid $r) spare=$(pid vault); spis ga > "$W/old"
	if [ $r = hand ]; then # as long as the parent has not heard of it nobody is refused anything for want of a kernel
		k=$(daemon_pid ga) c=$(pid core); kill -STOP "$k"; kill -KILL "$p"
		check "a core whose hand has ended says nothing more and ends" wait_for 5 grep -q '^State:.*Z' "/proc/$c/status"
		kill -CONT "$k"
	else kill -KILL "$p"; fi
	check "$r is begun anew" wait_for 10 new_pid $r "$p"
	check "the vault lives on" test "$(pid vault)" = "$spare"
	check "the tunnel returns by itself" up
	check "the SAs are others" spis_gone ga "$W/old"
done
p=$(pid core); kill -STOP "$p"
check "a core that hangs is ended and begun anew" wait_for 60 new_pid core "$p"
check "the tunnel returns by itself" up
check "our daemon lives" end_alive ga
prove_esp "$W/inet.pcap"
finish
