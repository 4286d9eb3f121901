#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -a time-travel=inf-cpu -t 500
# With each peer, under faults (the guest does not wait where nothing happens): the tunnel is up and carries numbered packets both ways; then something goes wrong; when it ends, data must
# flow both ways within so many seconds, and one pair of SAs be left at our end (what the peer leaves at its own is said).
#   fault=loss10 | loss30       rekeys of the Child SA and the IKE SA by both ends, on a line that loses so much either way (10 s)
#         duplicate | reorder   the same; every third packet comes twice; packets overtake one another by up to 40 ms (5 s)
#         kill-us | kill-them   kill -9, and begun anew (10 s; 15 s; a peer that began the tunnel has 20 s to notice)
#         collide-child | collide-ike   both ends rekey at the same moment, until six pairs of requests have crossed on the way (5 s)
#         lifetimes             both ends have the same short lifetimes, for 30 s (5 s)
fault=${fault:-loss10}
. /lab/lib.sh
CHARON_DAEMON="retransmit: { first: 500ms }" CHARON_IKE_MORE="liveness: 2s, dead_after: $(case $fault$* in *kill*) echo 4s ;; *) echo 8s ;; esac)"
case $fault$* in *kill*) tries=2 timeout=4 ;; *) tries=8 timeout=20 ;; esac
SWAN_RETRANSMIT=0.5 SWAN_TRIES=$tries SWAN_CONN="dpd_delay = 2"
LSWAN_CONN="  dpddelay=2
  retransmit-timeout=${timeout}s"
parameters "$@"
[ "$role" != initiator ] || KEEP=up
case $fault in lifetimes) CHILD_REKEY=6 IKE_REKEY=14 ;; collide-ike) IKED_LIFE="ikelifetime 12" ;; esac
topology
start_both
if [ "$OUR" = ga ]; then capture inet netb "$W/clear.pcap" "src net 10.1.0.0/24"; else capture inet netb "$W/clear.pcap" "src net 10.2.0.0/24"; fi # what our end sends
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
streams_start 50
spis "$OUR" > "$W/first"
IKE=$(end_ike_id "$OUR")
ike_other() { local id; id=$(end_ike_id "$OUR"); echo "$IKE, $id"; [ -n "$id" ] && [ "$id" != "$IKE" ]; }
flows() { local e last; for e in ha hb; do
	{ read -r _ _ _ _ _ _ _ _ _ _ _ last < "$W/stream-$e"; } 2>/dev/null && [ "$((10#$last))" -lt 250 ] || return 1; done; }
steady() { flows && sleep 1 && flows && sleep 1 && flows; }
pairs() { ip -n "$1" xfrm state | awk '/^src/ { n++ } / spi 0x00000000 / { n-- } END { print n + 0 }'; }
one_pair() { [ "$(pairs "$1")" = 2 ]; }
netem() { in_ns inet tc qdisc replace dev neta root netem "$@" && in_ns inet tc qdisc replace dev netb root netem "$@"; }
quiet() { in_ns inet tc qdisc del dev neta root; in_ns inet tc qdisc del dev netb root; } 2>/dev/null
can_rekey() { [ "$(kind "$1")" != iked ] || [ "$2" != ike ]; } # OpenIKED rekeys an IKE SA when its lifetime is over, and by no order
up_again() { flows && return; end_up ga; sleep 0.5; flows; }
by_both() { # rekeys while the line is bad; some may fail, for they are given up or collide
	local w e
	for w in child ike child; do for e in "$OUR" "$THEIR"; do
		! can_rekey "$e" $w || timeout 8 bash -c "$(declare -f); $(declare -p W CTL LABBIN GA GB A B us peer); end_rekey $e $w" >"$W/rekey-$e" 2>&1
		sleep 0.7; done; done; }
# Both ends rekey at once: as soon as a request of the first has left, the other is told to begin, while the line takes 300 ms. The
# first is theirs and ours by turns; always the one that takes no orders.
requests() { rekeys_seen | grep -c "^$1 "; }
has_sent() { # has_sent END MORE_THAN: asked often, while nothing is new in the capture that is cheap
	local size; size=$(stat -c %s "$W/rekeys-$1.pcap")
	[ "$size" != "$SIZE" ] || return 1
	SIZE=$size; [ "$(requests "$1")" -gt "$2" ]; }
begin() { ! can_rekey "$1" "$2" || { end_rekey "$1" "$2" >"$W/rekey-$1" 2>&1 & p+=($!); }; }
once() { # once child|ike FIRST SECOND
	local p=() n SIZE=0; n=$(requests "$2")
	begin "$2" "$1"
	wait_for 30 has_sent "$2" "$n" && begin "$3" "$1"
	wait "${p[@]}" 2>/dev/null; sleep 2; }
together() { # together child|ike
	local t=0 was
	check "the line takes 300 ms" netem delay 300ms; capture_rekeys; CROSSED=0
	while [ $CROSSED -lt ${pairs:-6} ] && [ $t -lt 18 ]; do
		t=$((t+1)) was=$CROSSED
		if [ $((t % 2)) = 1 ] || ! can_rekey "$THEIR" "$1"; then once "$1" "$THEIR" "$OUR"; else once "$1" "$OUR" "$THEIR"; fi
		CROSSED=$(crossings)
		[ $CROSSED -gt $was ] || note "try $t: no requests crossed; once more"
	done
	quiet
	note "$CROSSED pairs of requests crossed in $t tries"
	check "requests crossed" test $CROSSED -gt 0; }
back=5
streams_anew
case $fault in
loss10) back=10; check "the line loses 10 %" netem loss 10%; by_both; quiet ;;
loss30) back=10; check "the line loses 30 %" netem loss 30%; by_both; quiet ;;
duplicate) check "every third packet comes twice" netem duplicate 33%; by_both; quiet ;;
reorder) check "packets overtake one another" netem delay 20ms 20ms; by_both; quiet ;;
kill-us | kill-them)
	back=10 e=$OUR; [ $fault = kill-us ] || back=15 e=$THEIR
	check "$e is killed" end_kill "$e"
	sleep 0.5
	# what a killed peer leaves in its kernel is its own business
	[ $e = "$OUR" ] || { ip -n "$e" xfrm state flush; ip -n "$e" xfrm policy flush; }
	check "$e starts again" end_start "$e"
	sleep 1 # until now the old SAs may have carried the data
	# a peer that began the tunnel, and does not notice or does nothing, is told to begin anew
	if [ "$role" = responder ]; then wait_for 20 up_again; fi ;;
collide-child) together child ;;
collide-ike) together ike ;;
lifetimes) sleep 30 ;;
*) nok "no such fault: $fault" ;;
esac
t=$(date +%s.%N)
check "data flows both ways within $back s" wait_for $back flows
took=$(ms "$t")
check "and goes on" wait_for 10 steady
if [ "$fault" = lifetimes ]; then # they go on being rekeyed: a pair, its heir, and for five seconds what was replaced
	check "few pairs of SAs are left at our end" wait_for 15 bash -c "[ \$(ip -n $OUR xfrm state | grep -c ^src) -le 6 ]"
else STEP=0.5 check "one pair of SAs is left at our end" wait_for 90 one_pair "$OUR"; fi # what a peer owes us to delete and forgets, we delete after a minute
case $fault in
kill-them) ;;
collide-ike) check "the IKE SA is another" ike_other ;;
*) check "the SAs are others" spis_gone "$OUR" "$W/first" ;;
esac
left=$(pairs "$THEIR") silent=$(stream_of ha silent)
[ "$(stream_of hb silent)" -le "$silent" ] || silent=$(stream_of hb silent)
streams_stop
note "counted: lab faults: $fault with $peer as $([ "$role" = initiator ] && echo responder || echo initiator): data $took ms after its end, silent for $silent ms at most, $((left / 2)) pairs left at the peer${CROSSED:+, $CROSSED pairs of requests crossed}; $STREAM_TEXT"
note "result: ${CROSSED:+$CROSSED crossed, }silent for $(awk -v t="$silent" 'BEGIN { printf "%.1f", t / 1000 }') s at most$([ "$fault" = lifetimes ] || [ "$left" = 2 ] || echo ", $left SAs left at the peer")"
check "ha pings hb" pings ha "$HB"
check "our daemon lives" end_alive "$OUR"
check "nothing in clear" test "$(count "$W/clear.pcap" ip)" = 0
finish
