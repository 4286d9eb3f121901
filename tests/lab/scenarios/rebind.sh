#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -t 900
# The router between forgets its mapping and gives another address and port: the tunnel follows (RFC 7296 2.23).
#   how=once    after silence of both ends, as a router with a short memory
#   how=often   every 5 s, times=3 times (36: the full size), under streams both ways: no SA is lost, data is back within 2 s each time
how=${how:-once} times=${times:-3}
. /lab/lib.sh
parameters outer=nat role=responder "$@"
CHARON_IKE_MORE="liveness: 4s, dead_after: 30s, keepalive: 3s"
SWAN_CONN="dpd_delay = 4" SWAN_TRIES=5 SWAN_EXTRA="keep_alive = 3"
topology
nat_at_inet
# a short memory: mappings last as long as packets use them
in_ns inet bash -c 'for f in /proc/sys/net/netfilter/nf_conntrack_udp_timeout{,_stream}; do echo 4 > $f; done'
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
crosses
if [ $how = often ]; then
	# what is masqueraded under an address is forgotten with that address
	rebind() { # rebind LAST: 198.51.100.LAST is what the world sees from now on, from another port
		printf '%s\n' "addr flush dev netb" "addr add 198.51.100.$1/24 dev netb" "addr add 198.51.100.254/24 dev netb" | ip -n inet -4 -batch -; }
	in_ns inet bash -c 'nft flush chain ip nat post; nft add rule ip nat post oifname netb ip protocol udp masquerade to :20000-60000 random'
	ike=$(end_ike_id "$OUR") theirs=$(end_ike_id "$THEIR") spis=$(spis "$OUR" | paste -sd' ')
	streams_start 50; sleep 1; worst=0
	for k in $(seq "$times"); do
		streams_anew; rebind $((100 + k)); sleep 5
		a=$(stream_of ha silent) b=$(stream_of hb silent)
		[ "$a" -ge "$b" ] || a=$b
		[ "$a" -le "$worst" ] || worst=$a
		[ "$a" -le 2000 ] || nok "rebinding $k: data back after $a ms (ha heard after $(stream_of ha silent) ms, hb after $(stream_of hb silent) ms)"
	done
	streams_stop
	note "counted: lab rebind: $times rebindings with $peer, one in 5 s; the longest silence $worst ms; $STREAM_TEXT"
	check "data was back within 2 s each time" test "$worst" -le 2000
	check "each time from another place" test "$(pcap "$W/inet.pcap" 'udp port 4500 and dst host 198.51.100.1' | sed -n 's/.* IP \([0-9.]*\) > .*/\1/p' | sort -u | wc -l)" -gt "$times"
	check "the same IKE SA at both ends" test "$(end_ike_id "$OUR")" = "$ike" -a "$(end_ike_id "$THEIR")" = "$theirs"
	check "the same Child SA" test "$(spis "$OUR" | paste -sd' ')" = "$spis"
	crosses
	check "our daemon lives" end_alive "$OUR"
	prove_esp "$W/inet.pcap"
	finish
fi
ip -n inet addr add 198.51.100.253/24 dev netb
in_ns inet bash -c 'nft flush table ip nat; nft add rule ip nat post oifname netb ip protocol udp snat to 198.51.100.253:20000-30000 random'
for n in ga gb; do in_ns $n nft 'add table ip t; add chain ip t f { type filter hook postrouting priority 0; }; add rule ip t f oifname wan drop'; done
sleep 6; for n in ga gb; do in_ns $n nft delete table ip t; done
note "the router has forgotten"
back() { in_ns ha ping -n -c 1 -W 1 "$HB"; }
check "ha pings hb again" wait_for 30 back
check "by way of the new address" test "$(count "$W/inet.pcap" 'src host 198.51.100.253 and udp')" -ge 1
check "hb pings ha too" pings hb "$HA"
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
