#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IKE_AUTH with a chain of certificates, which must be sent in fragments (RFC 7383), both ways, and no IP fragment.
DEEP=1
. /lab/lib.sh
[ "${auth:-psk}" != psk ] || auth=rsa
parameters "$@"
CHARON_IKE_MORE="fragment_size: ${size:=576}"
SWAN_EXTRA="fragment_size = $size"
IKED_SET="set fragmentation"
topology
[ "$outer" != nat ] || nat_at_inet
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
sleep 0.5
from() { count "$W/inet.pcap" "src host $1 and ($(ike_filter 35 53))"; }
ga_seen=$A_SEEN
note "fragments from ga: $(from "$ga_seen"), from gb: $(from "$B")"
OUR_ADDR=$ga_seen; [ "$OUR" = ga ] || OUR_ADDR=$B
check "we sent fragments" test "$(from "$OUR_ADDR")" -ge 2
check "no fragment of ours is larger than $size" test "$(count "$W/inet.pcap" "src host $OUR_ADDR and ($(ike_filter 35)) and ip[2:2] > $size")" = 0
if [ "$peer" = iked ]; then note "whether OpenIKED fragments is its own choice"
else check "the peer sent fragments" test $(( $(from "$ga_seen") + $(from "$B") - $(from "$OUR_ADDR") )) -ge 2; fi
check "no IP fragments" test "$(count "$W/inet.pcap" 'ip[6:2] & 0x3fff != 0')" = 0
check "our daemon lives" end_alive "$OUR"
finish
