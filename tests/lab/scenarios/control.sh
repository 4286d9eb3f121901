#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory's own control: with a wrong secret, and in the clear, the proofs must fail. Passes if they do.
. /lab/lib.sh
parameters "$@"
topology
PSK=quite-another-secret-0123456789abcdef end_start gb && end_start ga || finish
refute "no tunnel with the wrong secret" end_up ga
sed 's/^/#   /' "$W/up.log" | tail -5
refute "no SA in ga" has_children ga
refute "no SA in gb" has_children gb
refute "no ping" in_ns ha ping -n -c2 -i 0.2 -W1 "$HB"
check "our daemon lives" end_alive "$OUR"
stop_all
for n in ga gb; do ip -n $n xfrm policy flush; ip -n $n xfrm state flush; done
ip -n inet route add 10.1.0.0/24 via "$A"; ip -n inet route add 10.2.0.0/24 via "$B"
capture inet netb "$W/inet.pcap"
check "ping in the clear" pings ha "$HB"
r=$( (fails=0; prove_esp "$W/inet.pcap" >/dev/null; echo $fails) )
check "prove_esp notices clear traffic" test "$r" = 1
finish
