#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The peer dies without a word: we notice, stay closed, and the tunnel returns when the peer does.
. /lab/lib.sh
parameters "$@"
CHARON_IKE_MORE="liveness: 2s, dead_after: 4s"
[ "$role" != initiator ] || KEEP=up
SWAN_CONN="dpd_delay = 2" SWAN_RETRANSMIT=0.5 SWAN_TRIES=2 # where strongSwan plays our part
topology
[ "$outer" != nat ] || nat_at_inet
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
spis "$OUR" > "$W/old"
end_kill "$THEIR"; note "the peer has been killed"
t=$(date +%s.%N)
check "we notice, and the SAs go" wait_for 30 spis_gone "$OUR" "$W/old"
note "noticed after $(ms "$t") ms"
refute "no traffic meanwhile" in_ns ha ping -n -c2 -i 0.3 -W1 "$HB"
check "our daemon lives" end_alive "$OUR"
# what a killed peer leaves in its kernel is its own business
ip -n "$THEIR" xfrm state flush; ip -n "$THEIR" xfrm policy flush
check "the peer is back" end_start "$THEIR"
t=$(date +%s.%N)
if [ "$role" = initiator ]; then check "we bring the tunnel up again by ourselves" wait_for 60 has_children "$OUR"
else check "the peer brings it up again" end_up ga; fi
note "back after $(ms "$t") ms"
check "the peer has it" wait_for 10 has_children "$THEIR"
crosses
prove_esp "$W/inet.pcap"
finish
