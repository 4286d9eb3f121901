#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fail closed: killed, restarted, narrowed, reloaded, disabled; what is not ours stays; what must pass does.
. "$(dirname "$0")/kernel-lib.sh"
topology
conf $W/ga.yaml $A $B 10.1.0.0/24 10.2.0.0/24 up
conf $W/gb.yaml $B $A 10.2.0.0/24 10.1.0.0/24 up
capture gb wan $W/wire.pcap
# somebody else's state
in_ns ga ip xfrm policy add src 172.16.0.0/24 dst 172.17.0.0/24 dir out tmpl src 9.9.9.1 dst 9.9.9.2 proto esp mode tunnel reqid 7
in_ns ga ip xfrm state add src 9.9.9.1 dst 9.9.9.2 proto esp spi 0x99 reqid 7 mode tunnel aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128
foreign() { in_ns ga ip xfrm policy | grep -q 172.17.0.0 && in_ns ga ip xfrm state | grep -q 0x00000099; }
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
check "both sides install" both 1
check "ping" pings ha 10.2.0.2
hand_kill ga
note "killed"
refute "closed to new SAs when the peer's are gone (killed daemon)" bash -c "ip netns exec ga ip xfrm state deleteall reqid $((0x43000000)); ip netns exec ha ping -n -c 2 -i 0.2 -W 1 10.2.0.2"
check "install again what the peer has, to be an orphan" in_ns ga ip xfrm state add src $A dst $B proto esp spi 0x7777 reqid $((0x43000000)) mode tunnel aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128
n=$(in_ns ga ip xfrm policy | grep -c 'dir .* priority')
hand_start ga $W/ga.yaml
is "policies adopted, not doubled" "$(in_ns ga ip xfrm policy | grep -c 'dir .* priority')" "$n"
is "they are blocks" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 3
refute "the orphan SA is gone" bash -c "ip netns exec ga ip xfrm state | grep -q 0x00007777"
check "foreign state untouched" foreign
refute "closed after the restart" pings ha 10.2.0.2
hand_ok gb remove paris/net in=0x1011 out=0x1010 >/dev/null
check "and traffic returns" both 2
check "ping" pings ha 10.2.0.2
# refusals
refute "selectors outside the configuration" hand_ok ga install paris/net in=0x5000 out=0x5001 local=$A remote=$B tsr=10.3.0.0/24
refute "a foreign reqid" hand_ok ga install paris/net in=0x5000 out=0x5001 local=$A remote=$B reqid=7
refute "another peer's address" hand_ok ga install paris/net in=0x5000 out=0x5001 local=$A remote=192.0.2.77
refute "the SPI is taken" hand_ok ga install paris/net in=0x1020 out=0x5001 local=$A remote=$B
grep '^answer failed' $W/ga.out | sed 's/^/#   /'
check "and the tunnel did not notice" pings ha 10.2.0.2 2
# narrowing
hand_ok ga remove paris/net in=0x1020; hand_ok gb remove paris/net in=0x1021
is "closed again" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 3
check "narrowed by the peer: ga" hand_ok ga install paris/net in=0x1030 out=0x1031 local=$A remote=$B key=3 initiator=1 tsr=10.2.0.2/32
check "narrowed by the peer: gb" hand_ok gb install paris/net in=0x1031 out=0x1030 local=$B remote=$A key=3 tsl=10.2.0.2/32
check "what is left is protected" pings ha 10.2.0.2
refute "what was narrowed away is closed" pings ha 10.2.0.1 2
is "blocks beneath" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 3
check "remove" hand_ok ga remove paris/net in=0x1030
is "back to the configured blocks" "$(in_ns ga ip xfrm policy | grep -c 'dir .* priority')" 4
hand_ok gb remove paris/net in=0x1031
# reload
conf $W/ga2.yaml $A $B 10.1.0.0/24 '10.2.0.0/24, 10.4.0.0/24' up
check "reload with one selector more" hand_ok ga configure $W/ga2.yaml
is "six blocks" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 6
check "reload back" hand_ok ga configure $W/ga.yaml
is "three blocks" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 3
# a policy that is not ours in the way
in_ns ga ip xfrm policy add src 10.1.0.0/24 dst 10.4.0.0/24 dir out action allow priority 5
check "reload into a foreign policy says so" bash -c "[ '$(hand ga configure $W/ga2.yaml)' = 'answer failed' ]"
grep '^log 3' $W/ga.out | sed 's/^/#   /'
check "and leaves it" bash -c "ip netns exec ga ip xfrm policy | grep -A1 '10.1.0.0/24 dst 10.4.0.0/24' | grep -q 'priority 5 '"
in_ns ga ip xfrm policy delete src 10.1.0.0/24 dst 10.4.0.0/24 dir out
check "with it gone, the next try closes" hand_ok ga configure $W/ga2.yaml
is "six blocks" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 6
hand_ok ga configure $W/ga.yaml >/dev/null
# somebody flushes everything
check "both sides install" both 4
in_ns ga ip xfrm policy flush; in_ns ga ip xfrm state flush
in_ns ga ip xfrm policy add src 172.16.0.0/24 dst 172.17.0.0/24 dir out tmpl src 9.9.9.1 dst 9.9.9.2 proto esp mode tunnel reqid 7
in_ns ga ip xfrm state add src 9.9.9.1 dst 9.9.9.2 proto esp spi 0x99 reqid 7 mode tunnel aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128
mended() { [ "$(in_ns ga ip xfrm policy | grep -c 'action block')" = 3 ]; }
check "policies put back after a foreign flush" wait_for 3 mended
check "the core is told" event ga gone
hand_ok ga remove paris/net in=0x1040 >/dev/null; hand_ok gb remove paris/net in=0x1041 >/dev/null
check "and up again" both 5
check "ping" pings ha 10.2.0.2 2
# stop, then open
check "disarm" hand_ok ga disarm
is "three blocks after the stop" "$(in_ns ga ip xfrm policy | grep -c 'action block')" 3
is "no SA of ours" "$(in_ns ga ip xfrm state | grep -c 'reqid 1124073472')" 0
check "foreign state untouched" foreign
check "configure again" hand_ok ga configure $W/ga.yaml
sleep 0.3
is "clear packets so far" "$(clear_packets $W/wire.pcap)" 0
hand_ok gb disable paris >/dev/null
check "disable" hand_ok ga disable paris
check "open by explicit command" pings ha 10.2.0.2 1
refute "no SA while disabled" hand_ok ga install paris/net in=0x5000 out=0x5001 local=$A remote=$B
check "enable" hand_ok ga enable paris
refute "closed" pings ha 10.2.0.2 2
check "foreign state untouched" foreign
finish
