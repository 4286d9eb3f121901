#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rekeying under traffic, 50 packets a second: the Child SA and the IKE SA, each from both ends; no packet may be lost
# by us. (A peer's own loss is measured with us=PEER peer=PEER; lossless=no then only says it.)
# OpenIKED has no order to rekey: it gets short lifetimes and is waited for.
what=${what:-child,ike} by=${by:-both} lossless=${lossless:-yes}
. /lab/lib.sh
parameters "$@"
topology
[ "$outer" != nat ] || nat_at_inet
if [ "$peer" = iked ] && [ "$by" != ours ]; then
	end_start_short() { case $(kind "$1") in iked) CHILD_REKEY=$SHORT_CHILD IKE_REKEY=$SHORT_IKE end_start "$1" ;; *) end_start "$1" ;; esac; }
	SHORT_CHILD='' SHORT_IKE=''
	case $what in *child*) SHORT_CHILD=8 ;; esac
	case $what in *ike*) SHORT_IKE=12 ;; esac
	end_start_short gb && end_start_short ga || { nok "both daemons start"; finish; }
else start_both; fi
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "gb has it too" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
new_spis() { # are there two SAs that were not there before
	spis "$OUR" > "$W/new"; [ "$(comm -13 "$W/before" "$W/new" | wc -l)" -ge 2 ]; }
new_ike() { local id; id=$(end_ike_id "$OUR"); [ -n "$id" ] && [ "$id" != "$IKE" ]; }
rekeyed() { # rekeyed NS child|ike
	local t; spis "$OUR" > "$W/before"; t=$(date +%s.%N)
	IKE=$(end_ike_id "$OUR")
	if [ "$(kind "$1")" != iked ]; then check "$1 ($(kind "$1")) rekeys the $2 SA" end_rekey "$1" "$2"; fi
	if [ "$2" = child ]; then check "new Child SAs at our end" wait_for 25 new_spis
	else check "a new IKE SA" wait_for 25 new_ike; fi
	note "rekeyed by $1 in $(ms "$t") ms"
	sleep 1.2; }
stream_start ha "$HB" 120
for w in ${what//,/ }; do
	if [ "$by" != theirs ]; then rekeyed "$OUR" "$w"; fi
	if [ "$by" != ours ]; then rekeyed "$THEIR" "$w"; fi
done
stream_stop
if [ "$lossless" = yes ]; then check "no packet was lost by us" lost_none; else ok "measured"; fi
if [ "$STREAM_LOST" != 0 ]; then note "result: $STREAM_LOST of $STREAM_SENT packets lost, by the peer"; fi
[ "$us" = iked ] || check "old SAs go" wait_for 15 bash -c "[ \$(ip -n $OUR xfrm state | grep -c ^src) -le 2 ]"
check "ha pings hb" pings ha "$HB"
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
