#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Transport mode between the gateways themselves: selectors are the outer addresses.
. /lab/lib.sh
parameters "$@"
eval "$(declare -f charon_conf | sed '1s/charon_conf/tunnel_charon_conf/')"
charon_conf() { tunnel_charon_conf "$1" | sed -E "s/net: \{ local: \[[^]]*\], remote: \[[^]]*\],/net: { mode: transport, local: [dynamic], remote: [dynamic],/"; }
SWAN_CHILD="mode = transport"
LSWAN_CONN="  type=transport"
eval "$(declare -f lswan_conf | sed '1s/lswan_conf/tunnel_lswan_conf/')"
lswan_conf() { tunnel_lswan_conf "$1" | grep -v subnet=; }
eval "$(declare -f swan_conf | sed '1s/swan_conf/tunnel_swan_conf/')"
swan_conf() { tunnel_swan_conf "$1" | sed -E 's/(local_ts|remote_ts) = .*/\1 = dynamic/'; }
eval "$(declare -f iked_conf | sed '1s/iked_conf/tunnel_iked_conf/')"
iked_conf() { tunnel_iked_conf "$1" | sed -E "s| esp +from [^ ]* to [^ ]* | transport esp from $L to $R |"; }
topology
[ "$outer" != nat ] || nat_at_inet
start_both
capture inet netb "$W/inet.pcap"
check "ga brings it up" end_up ga || finish
check "gb has it too" wait_for 10 has_children gb
check "transport mode in the kernel" bash -c "ip -n $OUR xfrm state | grep -q 'mode transport'"
check "ga pings gb" pings ga "$B"
check "gb pings ga" pings gb "$A_SEEN"
check "our end rekeys it" end_rekey "$OUR" child
sleep 1
check "ga pings gb" pings ga "$B"
sleep 0.3
[ "$outer" != nat ] || check "the SA is encapsulated in UDP" bash -c "ip -n ga xfrm state | grep -q 'encap type espinudp'"
x=esp; [ "$outer" != nat ] || x='udp port 4500 and udp[8:4] != 0 and udp[4:2] > 9'
check "ESP crosses" test "$(count "$W/inet.pcap" "$x")" -ge 12
check "no ping crosses in the clear" test "$(count "$W/inet.pcap" icmp)" = 0
check "ga takes it down" end_down ga
check "our daemon lives" end_alive "$OUR"
finish
