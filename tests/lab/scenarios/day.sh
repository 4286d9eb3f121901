#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -a time-travel
# Hours (24 with hours=24) of virtual time: rekeying every hour (Child SA) and four (IKE SA) from our end, and at other times from the peer's, with
# a ping every ten virtual minutes.
hours=${hours:-6}
. /lab/lib.sh
parameters "$@"
CHARON_IKE_MORE="liveness: 5m"
topology
case $role in
initiator) CHILD_REKEY=9000 IKE_REKEY=18000 end_start gb && CHILD_REKEY=3600 IKE_REKEY=14400 end_start ga || finish ;;
*) CHILD_REKEY=3600 IKE_REKEY=14400 end_start gb && CHILD_REKEY=9000 IKE_REKEY=18000 end_start ga || finish ;;
esac
check "tunnel" end_up ga || finish
b=$(date +%s); lost=0 sent=0; : > "$W/seen"; : > "$W/ikes"
for i in $(seq $((hours * 6))); do
	sleep 600; sent=$((sent+1)); in_ns ha ping -n -c1 -W2 "$HB" >/dev/null 2>&1 || lost=$((lost+1))
	spis "$OUR" >> "$W/seen"; end_ike_id "$OUR" >> "$W/ikes"
done
c=$(( $(sort -u "$W/seen" | wc -l) / 2 )) k=$(sort -u "$W/ikes" | wc -l)
note "$(( ($(date +%s) - b) / 60 )) virtual minutes; $sent pings, $lost lost; Child SAs: $c, IKE SAs: $k"
check "no ping was lost" test $lost = 0
check "the Child SA was renewed about every hour" test "$c" -ge $((hours - hours / 8 - 1))
check "the IKE SA was renewed about every four hours" test "$k" -ge $((1 + (hours - 1) / 4 - hours / 12))
check "one Child SA at the end" test "$(states "$OUR")" -le 2
check "our daemon lives" end_alive "$OUR"
finish
