#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A bad line: so many percent of the packets are lost either way; the tunnel comes up, is rekeyed and taken down.
percent=${percent:-20}
. /lab/lib.sh
CHARON_DAEMON="retransmit: { first: 500ms }" SWAN_RETRANSMIT=0.5 SWAN_TRIES=8
parameters "$@"
topology
start_both
capture inet netb "$W/inet.pcap"
check "the line loses $percent %" lose "$percent"
check "tunnel" end_up ga || finish
check "both have it" wait_for 30 has_children gb
check "ha pings hb" in_ns ha ping -n -c 20 -i 0.1 -W 2 "$HB"
for w in child ike child; do check "our end rekeys the $w SA" end_rekey "$OUR" $w; sleep 1; done
sleep 3
check "ha pings hb" in_ns ha ping -n -c 20 -i 0.1 -W 2 "$HB"
spis "$THEIR" > "$W/old"
check "our end takes it down" end_down "$OUR"
check "the peer has dropped it" wait_for 20 spis_gone "$THEIR" "$W/old"
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
