#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The router between forgets its mapping and gives another address and port: the tunnel follows (RFC 7296 2.23).
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
