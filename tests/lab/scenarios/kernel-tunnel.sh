#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first tunnel: closed before, ESP while it is there, closed after; nothing in the clear at any time.
. "$(dirname "$0")/kernel-lib.sh"
topology
conf $W/ga.yaml $A $B 10.1.0.0/24 10.2.0.0/24 up
conf $W/gb.yaml $B $A 10.2.0.0/24 10.1.0.0/24 up
check "without a policy the hosts reach each other" pings ha 10.2.0.2 1
capture gb wan $W/wire.pcap
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
refute "closed before the first SA" pings ha 10.2.0.2
check "both sides install" both 1
check "ping through ESP" pings ha 10.2.0.2
in_ns ga ip -s xfrm state | sed 's/^/#   /' | head -40
in_ns ga ip xfrm policy | sed 's/^/#   /' | grep -v socket | head -20
note "$(hand ga query paris/net in=0x1010 out=0x1011 local=$A remote=$B)"
check "remove" hand_ok ga remove paris/net in=0x1010 out=0x1011 local=$A remote=$B
check "a second remove is no error" hand_ok ga remove paris/net in=0x1010 out=0x1011 local=$A remote=$B
refute "closed after" pings ha 10.2.0.2
sleep 0.3
is "ESP packets on the wire" "$(esp $W/wire.pcap)" 6
is "clear packets on the wire" "$(clear_packets $W/wire.pcap)" 0
cat $W/ga.out | sed 's/^/# ga: /'
finish
