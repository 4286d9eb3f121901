#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rekey under traffic as RFC 7296 2.8 has it: the responder receives on the new SA first and sends on it when the old one is
# deleted. No packet is lost, none goes in the clear; then 20 swaps of policies between closed and protecting.
. "$(dirname "$0")/kernel-lib.sh"
topology
conf $W/ga.yaml $A $B 10.1.0.0/24 10.2.0.0/24 up
conf $W/gb.yaml $B $A 10.2.0.0/24 10.1.0.0/24 up
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
capture gb wan $W/wire.pcap
check "both sides install" both 1
in_ns ha ping -n -i 0.01 -c 600 -W 2 10.2.0.2 >$W/ping.out 2>&1 & P=$!
rekey() { # rekey OLDKEY NEWKEY: ga initiates, gb responds
	local o=$((0x1000 + $1 * 16)) n=$((0x1000 + $2 * 16))
	hand_ok gb install paris/net in=$((n+1)) out=$n local=$B remote=$A key=$2 initiator=0 half=1 old=$((o+1)) || return 1
	hand_ok ga install paris/net in=$n out=$((n+1)) local=$A remote=$B key=$2 initiator=1 old=$o || return 1
	sleep 0.05
	hand_ok gb outbound paris/net in=$((n+1)) out=$n local=$B remote=$A key=$2 initiator=0 || return 1
	sleep 0.05
	hand_ok gb remove paris/net in=$((o+1)) out=$o local=$B remote=$A replaced=1 || return 1
	hand_ok ga remove paris/net in=$o out=$((o+1)) local=$A remote=$B replaced=1; }
for i in 1 2 3 4 5 6 7 8; do check "rekey $i" rekey $i $((i+1)); done
wait $P
note "$(tail -3 $W/ping.out | head -1)"
check "no packet lost by 8 rekeys" grep -q ' 600 received' $W/ping.out
is "SAs of ga" "$(in_ns ga ip xfrm state | grep -c '^src')" 2
is "SAs of gb" "$(in_ns gb ip xfrm state | grep -c '^src')" 2
is "clear packets" "$(clear_packets $W/wire.pcap)" 0
in_ns ha ping -n -i 0.002 -c 1500 -W 1 10.2.0.2 >$W/ping.out 2>&1 & P=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	hand_ok ga remove paris/net in=$((0x1000 + (i+8) * 16)) >/dev/null; hand_ok gb remove paris/net in=$((0x1001 + (i+8) * 16)) >/dev/null
	both $((i+9)) >/dev/null || nok "install $i"
done
wait $P
note "$(tail -3 $W/ping.out | head -1)"
sleep 0.3
note "ESP packets $(esp $W/wire.pcap)"
is "clear packets after 10 times closed and open" "$(clear_packets $W/wire.pcap)" 0
finish
