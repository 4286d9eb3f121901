#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel reports: acquire (once), expire, mapping, overrun.
. "$(dirname "$0")/kernel-lib.sh"
topology
conf $W/ga.yaml $A $B 10.1.0.0/24 '10.2.0.0/24, 10.4.0.0/24' on-demand
conf $W/gb.yaml $B $A '10.2.0.0/24, 10.4.0.0/24' 10.1.0.0/24 answer
capture gb wan $W/wire.pcap
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
note "$(hand ga counts)"
larvals() { in_ns ga ip xfrm state | grep -c 'spi 0x00000000'; }
acquires() { grep -c '^event acquire' $W/ga.out; }
field() { event ga acquire | tail -1 | sed -n "s/.* $1=\([^ ]*\).*/\1/p"; }
in_ns ga ip route add 10.4.0.0/24 via $B
# acquire
refute "on demand: the first packets wait for an SA" pings ha 10.2.0.2 3
note "$(event ga acquire)"
is "one acquire for three packets" "$(acquires)" 1
is "of the packet's source" "$(field local)" "10.1.0.2/32[icmp/2048]"
pings ha 10.4.0.9 2 >/dev/null
is "no second one for the same child" "$(acquires)" 1
is "a larval SA" "$(larvals)" 1
check "the negotiation failed" hand_ok ga acquire-done reqid=$(field reqid) seq=$(field seq)
is "the larval SA is free" "$(larvals)" 0
pings ha 10.2.0.2 1 >/dev/null
is "the next packet asks again" "$(acquires)" 2
check "the SAs come, with the acquire's number" hand_ok ga install paris/net in=0x1010 out=0x1011 local=$A remote=$B key=1 initiator=1 seq=$(field seq) tsr=10.2.0.0/24
check "and at the peer" hand_ok gb install paris/net in=0x1011 out=0x1010 local=$B remote=$A key=1 tsl=10.2.0.0/24
is "the larval SA became the outbound one" "$(larvals)" 0
is "SAs" "$(in_ns ga ip xfrm state | grep -c '^src')" 2
check "ping" pings ha 10.2.0.2
pings ha 10.4.0.9 2 >/dev/null
is "what was narrowed away asks no more" "$(acquires)" 2
is "it is closed" "$(in_ns ga ip xfrm policy | grep -A1 'dst 10.4.0.0/24' | grep -c 'dir out action block')" 1
hand_ok ga remove paris/net in=0x1010 >/dev/null; hand_ok gb remove paris/net in=0x1011 >/dev/null
pings ha 10.4.0.9 1 >/dev/null
is "after the SA is gone the trap is back" "$(acquires)" 3
# an SA with other addresses than the trap thought: the larval one is freed all the same
check "SAs by another trap's acquire" hand_ok ga install paris/net in=0x1020 out=0x1021 local=$A remote=$B key=2 initiator=1 tsr=10.2.0.0/24
is "no larval SA is left" "$(larvals)" 0
hand_ok ga remove paris/net in=0x1020 >/dev/null
# a peer known by name alone: nothing to name in the trap, and still it wakes
sed "s/remote: { address: $B }/remote: { address: peer.invalid }/" $W/ga.yaml > $W/ga-name.yaml
check "a peer by name" hand_ok ga configure $W/ga-name.yaml
n=$(acquires); pings ha 10.2.0.2 2 >/dev/null
is "asks" "$(acquires)" $((n+1))
check "its address came" hand_ok ga install paris/net in=0x1028 out=0x1029 local=$A remote=$B key=2 initiator=1 seq=$(field seq)
is "no larval SA is left" "$(larvals)" 0
hand_ok ga remove paris/net in=0x1028 >/dev/null
n=$(acquires); pings ha 10.2.0.2 2 >/dev/null
is "asks again, with its address now" "$(acquires)" $((n+1))
is "the larval SA is to it" "$(in_ns ga ip xfrm state | grep -B1 'spi 0x00000000' | grep -c "dst $B")" 1
check "that failed" hand_ok ga acquire-done reqid=$(field reqid) seq=$(field seq)
hand_ok ga configure $W/ga.yaml >/dev/null
# expire
expired() { grep -q "^event expire spi=$1 dst=$2 $3" $W/ga.out; }
hand_ok ga install paris/net in=0x1030 out=0x1031 local=$A remote=$B key=3 initiator=1 soft_packets=5 hard_packets=10 >/dev/null
hand_ok gb install paris/net in=0x1031 out=0x1030 local=$B remote=$A key=3 >/dev/null
pings ha 10.2.0.2 6 >/dev/null
check "soft packet limit, outbound" wait_for 2 expired 00001031 $B soft
check "soft packet limit, inbound" wait_for 2 expired 00001030 $A soft
pings ha 10.2.0.2 6 >/dev/null
check "hard packet limit" wait_for 2 expired 00001031 $B hard
hand_ok ga remove paris/net in=0x1030 >/dev/null; hand_ok gb remove paris/net in=0x1031 >/dev/null
hand_ok ga install paris/net in=0x1040 out=0x1041 local=$A remote=$B key=4 initiator=1 soft_s=1 hard_s=2 >/dev/null
check "soft time limit" wait_for 4 expired 00001040 $A soft
check "hard time limit" wait_for 4 expired 00001041 $B hard
hand_ok ga remove paris/net in=0x1040 >/dev/null
# NAT: the peer's port changes under authenticated ESP
hand_ok ga natt 4500 >/dev/null; hand_ok gb natt 4500 >/dev/null
check "UDP encapsulation: both install" both 5 udp=4500,4500
check "ping in UDP" pings ha 10.2.0.2
if has_nft; then
in_ns ga nft -f - <<-EOF
	table ip nat {
	  chain post {
	    type nat hook postrouting priority srcnat
	    udp sport 4500 snat to $A:5555
	  }
	}
EOF
in_ns ga conntrack -F >/dev/null 2>&1
pings ha 10.2.0.2 6 >/dev/null
check "mapping reported" wait_for 2 grep -q "^event mapping spi=00001051 $A:4500 -> $A:5555" $W/gb.out
note "$(grep "^event mapping" $W/gb.out | wc -l) mappings reported for 6 packets"
check "not with each packet" test "$(grep -c "^event mapping" $W/gb.out)" -le 3
check "update to the new port" hand_ok gb update paris/net in=0x1051 out=0x1050 local=$B remote=$A udp=4500,5555
check "ping, the answers go to the new port" pings ha 10.2.0.2
check "they did" bash -c "[ $(tcpdump -nr $W/wire.pcap 'udp dst port 5555' 2>/dev/null | wc -l) -ge 3 ]"
in_ns ga nft flush ruleset
else echo "ok - mapping # SKIP this kernel has no NAT"; fi
# other addresses: the SAs move, keys and numbers stay
received() { hand ga query paris/net in=0x1050 local=$1 | sed -n 's/.* packets_in=\([0-9]*\).*/\1/p'; }
in_ns ga ip addr add 192.0.2.11/24 dev wan
n=$(received $A)
hand_ok gb update paris/net in=0x1051 out=0x1050 local=$B remote=$A udp=4500,4500 >/dev/null
check "ga moves" hand_ok ga update paris/net in=0x1050 out=0x1051 local=192.0.2.11 remote=$B udp=4500,4500
check "gb follows" hand_ok gb update paris/net in=0x1051 out=0x1050 local=$B remote=192.0.2.11 udp=4500,4500
check "ping from the new address" pings ha 10.2.0.2
is "counters survived" "$(received 192.0.2.11)" $((n+3))
check "an address change is reported" event ga address
hand_ok ga remove paris/net in=0x1050 >/dev/null; hand_ok gb remove paris/net in=0x1051 >/dev/null
# overrun
hand_ok ga buffer 2300 >/dev/null
hand_ok ga install paris/net in=0x1060 out=0x1061 local=$A remote=$B key=6 initiator=1 >/dev/null
eval "P=\$PID_ga"; kill -STOP $P
for i in $(seq 40); do in_ns ga ip xfrm state add src 9.9.9.1 dst 9.9.9.2 proto esp spi $((0x9000+i)) mode tunnel aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128; in_ns ga ip xfrm state delete src 9.9.9.1 dst 9.9.9.2 proto esp spi $((0x9000+i)); done
in_ns ga ip xfrm state delete src $B dst $A proto esp spi 0x1060
in_ns ga ip xfrm policy delete src 10.1.0.0/24 dst 10.2.0.0/24 dir out
kill -CONT $P
check "overrun: the core is told" wait_for 3 event ga lost
check "and of what is gone" wait_for 3 grep -q '^event gone spi=00001060' $W/ga.out
is "the policy is back" "$(in_ns ga ip xfrm policy | grep -A1 'src 10.1.0.0/24 dst 10.2.0.0/24' | grep -c 'dir out')" 1
in_ns ga ip xfrm policy | sed 's/^/#   /'
note "$(hand ga counts)"
sleep 0.2
is "clear packets" "$(clear_packets $W/wire.pcap)" 0
sed 's/^/# ga: /' $W/ga.out | tail -60
finish
