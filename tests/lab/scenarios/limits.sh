#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Child SA is renewed after so many packets, without losing one.
. /lab/lib.sh
parameters "$@"
eval "$(declare -f charon_conf | sed '1s/charon_conf/plain_charon_conf/')"
charon_conf() { plain_charon_conf "$1" | sed -E 's/net: \{ /net: { rekey_packets: 100, /'; }
topology
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
spis "$OUR" > "$W/first"
stream_start ha "$HB" 60
check "new SAs after 100 packets" wait_for 20 spis_gone "$OUR" "$W/first"
spis "$OUR" > "$W/second"
check "and again" wait_for 20 spis_gone "$OUR" "$W/second"
stream_stop; check "no packet was lost by us" lost_none
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
