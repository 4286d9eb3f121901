#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Modes, families, algorithms, selectors; and what must pass a closed 0.0.0.0/0 and ::/0.
. "$(dirname "$0")/kernel-lib.sh"
topology
restart() { # restart KEEP-LINES...: both hands with local and remote networks of $1 and $2
	local l=$1 r=$2; shift 2
	conf $W/ga.yaml $A $B "$l" "$r" up "$@"; conf $W/gb.yaml $B $A "$r" "$l" up "$@"
	hand_ok ga configure $W/ga.yaml >/dev/null && hand_ok gb configure $W/gb.yaml >/dev/null; }
down() { hand_ok ga remove paris/net in=$((0x1000 + $1 * 16)) >/dev/null; hand_ok gb remove paris/net in=$((0x1001 + $1 * 16)) >/dev/null; }
conf $W/ga.yaml $A $B 10.1.0.0/24 10.2.0.0/24 up
conf $W/gb.yaml $B $A 10.2.0.0/24 10.1.0.0/24 up
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
capture gb wan $W/wire.pcap
k=1
for s in aes256gcm16 aes128gcm16 aes256-sha256 aes128-sha1 aes256-sha512 chacha20poly1305 aes256ctr-sha256 aes128ccm16; do
	for esn in 0 1; do
		check "$s esn=$esn" both $k suite=$s esn=$esn
		check "ping" pings ha 10.2.0.2 2
		[ $k = 2 ] && windows=$(in_ns ga ip -s xfrm state | grep -o 'replay_window [0-9]*' | sort | tr '\n' ' ')
		down $k; k=$((k+1))
	done
done
# with ESN: a kernel that knows directions (6.10) takes a window for the inbound SA alone
new=$(uname -r | awk -F. '{ print ($1 > 6 || ($1 == 6 && $2 >= 10)) }')
if [ $new = 1 ]; then is "replay windows" "$windows" "replay_window 0 replay_window 128 "
else is "replay windows" "$windows" "replay_window 128 replay_window 32 "; fi
# IPv6 in IPv4, and both in one SA
restart '10.1.0.0/24, fd01::/64' '10.2.0.0/24, fd02::/64'
check "IPv4 and IPv6 in one SA" both 40
check "IPv4" pings ha 10.2.0.2 2
check "IPv6 in IPv4" pings ha fd02::2 2
down 40
refute "IPv6 closed" pings ha fd02::2 1
A4=$A B4=$B; A=$A6 B=$B6
restart '10.1.0.0/24, fd01::/64' '10.2.0.0/24, fd02::/64'
check "outer IPv6" both 41
check "IPv4 in IPv6" pings ha 10.2.0.2 2
check "IPv6 in IPv6" pings ha fd02::2 2
down 41
A=$A4 B=$B4
# transport mode, dynamic selectors, one protocol
restart dynamic dynamic 'mode: transport'
refute "dynamic addresses are known from the configuration: closed" pings ga $B 1
check "transport" both 42 transport=1
check "ping between the gateways" pings ga $B 2
check "the hosts' traffic is not touched" pings ha 10.2.0.2 1
down 42
restart 'dynamic/tcp/5000-5003' 'dynamic/tcp' 'mode: transport'
check "other protocols are not touched" pings ga $B 1
policies=$(in_ns ga ip xfrm policy | grep -c 'sport 5000')
is "a range of ports is one mask where it can be" "$policies" 1
restart 10.1.0.0/24 10.2.0.1-10.2.0.6
is "a range of addresses is four networks" "$(in_ns ga ip xfrm policy | grep -c 'dir out')" 4
check "range" both 43
check "inside" pings ha 10.2.0.2 2
down 43
restart 10.1.0.0/24/icmp 10.2.0.0/24/icmp
check "one protocol" both 44
check "inside" pings ha 10.2.0.2 2
down 44
# what must not be cut may be cut outside; a kernel that knows directions takes that of the outbound SA alone
restart 10.1.0.0/24 10.2.0.0/24 'df: clear'
check "df: clear" both 47
check "ping" pings ha 10.2.0.2 2
is "one SA of each end says so" "$(in_ns ga ip xfrm state | grep -c nopmtudisc)" 1
down 47
# an interface of its own
if in_ns ga ip link add try type xfrm dev wan if_id 9 2>/dev/null; then
in_ns ga ip link del try
restart 0.0.0.0/0 0.0.0.0/0 'if_id: 5'
for n in ga gb; do ip -n $n link add xf type xfrm dev wan if_id 5; ip -n $n link set xf up; done
check "with if_id, everything but what is routed there passes" pings ha 10.2.0.2 1
ip -n ga route change 10.2.0.0/24 dev xf; ip -n gb route change 10.1.0.0/24 dev xf
refute "closed through the interface" pings ha 10.2.0.2 1
check "install" both 45
check "ping through the interface" pings ha 10.2.0.2 2
down 45
ip -n ga route change 10.2.0.0/24 via $B; ip -n gb route change 10.1.0.0/24 via $A
ip -n ga link del xf; ip -n gb link del xf
else echo "ok - interface of its own # SKIP this kernel has no xfrm interfaces"; fi
# a mark
if has_nft; then
restart 10.1.0.0/24 10.2.0.0/24 'mark: 0x7/0xff'
check "unmarked passes" pings ha 10.2.0.2 1
in_ns ga nft -f - <<-EOF
	table ip m {
	  chain f {
	    type filter hook prerouting priority mangle
	    iifname "lan" meta mark set 7
	  }
	}
EOF
in_ns gb nft -f - <<-EOF
	table ip m {
	  chain f {
	    type filter hook prerouting priority mangle
	    iifname "lan" meta mark set 7
	  }
	}
EOF
refute "marked is closed" pings ha 10.2.0.2 1
check "install" both 46
check "marked goes through ESP" pings ha 10.2.0.2 2
down 46
in_ns ga nft flush ruleset; in_ns gb nft flush ruleset
else echo "ok - marks # SKIP this kernel has no nftables"; fi
# everything: what must pass does, the rest does not
conf $W/ga.yaml $A $B '10.1.0.0/24, fd01::/64' '0.0.0.0/0, "::/0"' up 'pass: [192.0.2.2/32/tcp/7777]'
check "the whole Internet behind the peer" hand_ok ga configure $W/ga.yaml
hand_ok gb disable paris >/dev/null
note "$(hand ga counts)"
refute "closed" pings ha 10.2.0.2 1
refute "closed, IPv6" pings ha fd02::2 1
in_ns ha ip neigh flush all; in_ns ga ip neigh flush all
check "hosts reach their own gateway" pings ha 10.1.0.1 1
check "with IPv6 too, neighbour discovery passes" pings ha fd01::1 1
check "the gateway itself is not concerned" pings ga $B 1
conf $W/ga.yaml $A $B 'dynamic, 10.1.0.0/24' '0.0.0.0/0' up
hand_ok ga configure $W/ga.yaml >/dev/null
refute "with its own address it is" pings ga $B 1
is "ICMP errors to the outer address pass" "$(in_ns ga ip xfrm policy | grep -A1 "dst $A/32 proto icmp type 3" | grep -c 'dir in priority')" 1
sed 's/^/# ga: /' $W/ga.out | grep -v answer | tail -20
finish
