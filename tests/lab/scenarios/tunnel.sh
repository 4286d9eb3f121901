#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A tunnel: up from ga, traffic both ways as ESP alone, deleted by either end, up again.
. /lab/lib.sh
parameters "$@"
topology
[ "$outer" != nat ] || nat_at_inet
start_both
capture inet netb "$W/inet.pcap"
[ "$GA" = iked ] || refute "nothing crosses before the tunnel is up" in_ns ha ping -n -c1 -W1 "$HB"
check "ga brings the tunnel up" end_up ga || finish
note "tunnel after $(ms "$LAB_T0") ms"
check "gb has it too" wait_for 10 has_children gb
crosses
check "iperf3 from ha to hb" bulk ha hb "$HB"
grep -h Mbit "$W/check.log"
prove_esp "$W/inet.pcap"
[ "$outer" != nat ] || check "the SA is encapsulated in UDP" bash -c "ip -n ga xfrm state | grep -q 'encap type espinudp'"
taken_down() { # taken_down BY OTHER
	spis "$2" > "$W/old"
	check "$1 takes it down" end_down "$1"
	check "$2 has dropped it" wait_for 10 spis_gone "$2" "$W/old"; }
taken_down ga gb
check "ga brings it up again" end_up ga
check "gb has it again" wait_for 10 has_children gb
check "ha pings hb again" pings ha "$HB"
taken_down gb ga
check "our daemon lives" end_alive "$OUR"
check "no clear packet in the whole run" test "$(count "$W/inet.pcap" "$clear_filter")" = 0
finish
