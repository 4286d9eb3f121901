#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -t 600
# Our whole daemon is killed while the peer is up, and begun anew.
#   how=contact  ours keeps the tunnel up: it begins anew by itself, and INITIAL_CONTACT ends what the peer still has (RFC 7296 2.4):
#                back within a second of its first packet
#   how=token    (peer=charon) ours only answers: the peer's first protected packet is answered with our token (RFC 6290), and it begins
#                anew one round trip after that packet; before that, forged tokens and requests from the middle of the way end nothing
#   times=1      how often; forged=5000  how many of each of four kinds are forged (250000: the full size), at rate=10000 a second
how=${how:-contact} times=${times:-1} forged=${forged:-5000} rate=${rate:-10000}
. /lab/lib.sh
parameters "$@"
case $how in
contact) KEEP=up ;;
token) KEEP=answer; CHARON_IKE_MORE="liveness: 3s, dead_after: 60s" ;;
*) echo "how=contact or how=token"; exit 99 ;;
esac
[ "$us" = charon ] || { note "our own restart: nothing to do"; finish; }
topology
[ "$outer" != nat ] || nat_at_inet
if [ $how = token ]; then
	end_start "$OUR" && KEEP=up end_start "$THEIR" || { nok "both daemons start"; finish; }
else start_both; fi
check "the tunnel comes up by itself" wait_for 20 has_children "$OUR" || finish
check "the peer has it" wait_for 10 has_children "$THEIR"
crosses
OUR_ADDR=$B THEIR_ADDR=$A_SEEN; [ "$OUR" != ga ] || OUR_ADDR=$A_SEEN THEIR_ADDR=$B

kill_all() { # every process of the daemon at once, as a crash of the machine would; the kernel's SAs stay behind
	local p; p=$(daemon_pid "$OUR"); kill -STOP "$p"; kill -KILL $(ps -o pid= --ppid "$p") "$p"; wait "$p" 2>/dev/null; }
# When the first packet came that fits a filter, after a moment
at() { # at FILE FILTER AFTER
	tcpdump -ttnr "$1" "$2" 2>/dev/null | awk -v after="$3" '$1 > after { printf "%.6f\n", $1; exit }'; }
between() { awk -v a="$1" -v b="$2" 'BEGIN { if (a == "" || b == "") print "none"; else printf "%.0f\n", (b - a) * 1000 }'; }
in_order() { awk -v a="$1" -v b="$2" -v c="$3" 'BEGIN { exit !(a > 0 && a < b && b < c) }'; }
at_most() { [ "$1" != none ] && [ "$1" -le "$2" ]; }
ike_id() { end_ike_id "$1" | paste -sd" "; }

# --- forged: nothing of it ends an IKE SA, nothing of it brings a token about ---------------------------------------------------
spi() { charon "$1" --json list | grep -o "\"$2\":\"[0-9a-f]*\"" | head -n 1 | grep -o '[0-9a-f]\{16\}'; }
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # ticks of 10 ms
datagrams() { charon "$1" status | sed -n 's/^datagrams in \([0-9]*\).*/\1/p'; }
forge() { # forge tokens|requests VICTIM ITS_ADDR OTHER_ADDR
	local i r n p in before t0
	i=$(spi "$2" spi_i) r=$(spi "$2" spi_r) before=$(ike_id "$2")
	p=$(charon "$2" status | sed -n 's/^processes:.* core \([0-9]*\).*/\1/p') t0=$(cpu "$p")
	in=$(datagrams "$2")
	n=$(in_ns inet "$LABBIN/lab_forge" "$1" "$4:$PORT" "$3:$PORT" "$i" "$r" "$forged" "$rate") || { nok "lab_forge $1"; return; }
	sleep 1
	check "they arrive" test $(( $(datagrams "$2") - in )) -ge $((n / 2))
	note "counted: lab restart: $n forged $1 at $2, $(( ($(cpu "$p") - t0) * 10 )) ms of CPU there"
	check "$n forged $1: $2 still has its IKE SA" test -n "$before" -a "$(ike_id "$2")" = "$before"
	check "and its Child SA carries" pings ha "$HB"; }
if [ $how = token ] && [ "$outer" != nat ]; then
	PORT=500
	capture inet netb "$W/forged.pcap" "$(ike_filter 37 41)"
	for k in tokens requests; do
		forge $k "$OUR" "$OUR_ADDR" "$THEIR_ADDR"
		forge $k "$THEIR" "$THEIR_ADDR" "$OUR_ADDR"
	done
	# unprotected answers of 60 bytes of IKE are ours with a token; forged ones have four tokens
	check "nobody showed a token" test "$(count "$W/forged.pcap" 'udp[4:2] = 68 or udp[4:2] = 72')" = 0
fi

# --- killed, and back -------------------------------------------------------------------------------------------------------------
ip netns exec ha ping -n -i 0.02 "$HB" >"$W/stream" 2>&1 & PIDS+=($!)
for k in $(seq "$times"); do
	spis "$OUR" > "$W/old"; was=$(ike_id "$THEIR")
	f=$W/back-$k.pcap; capture inet netb "$f"
	kill_all; killed=$(date +%s.%N); note "killed"
	check "begun anew" end_start "$OUR" || finish; begun=$(date +%s.%N)
	check "the tunnel is back" wait_for 20 has_children "$OUR"
	check "with other SAs" spis_gone "$OUR" "$W/old"
	check "the peer has a new IKE SA too" test "$(ike_id "$THEIR")" != "$was"
	check "ha pings hb" wait_for 5 pings ha "$HB" 1
	sleep 0.3
	if [ $how = contact ]; then
		first=$(at "$f" "src host $OUR_ADDR and ($(ike_filter 34))" "$killed")
		there=$(at "$f" "dst host $OUR_ADDR and ($(ike_filter 35))" "${first:-0}")
		data=$(at "$f" "src host $OUR_ADDR and (esp or (udp port 4500 and udp[8:4] != 0 and udp[4:2] > 9))" "${there:-0}")
		t=$(between "$first" "$data")
		note "counted: lab restart: $peer back $t ms after our first packet (IKE_AUTH done after $(between "$first" "$there") ms)"
		check "back within a second of our first packet" at_most "$t" 1000
	else
		asked=$(at "$f" "dst host $OUR_ADDR and ($(ike_filter any 46))" "$begun")
		token=$(at "$f" "src host $OUR_ADDR and ($(ike_filter any 41))" "${asked:-0}")
		init=$(at "$f" "dst host $OUR_ADDR and ($(ike_filter 34))" "${asked:-0}")
		up=$(at "$f" "src host $OUR_ADDR and ($(ike_filter 35))" "${init:-0}")
		note "counted: lab restart: after the peer's first packet the token came in $(between "$asked" "$token") ms, its IKE_SA_INIT in $(between "$asked" "$init") ms, IKE_AUTH was done in $(between "$asked" "$up") ms"
		check "one request, one answer with a token" test "$(count "$f" "src host $OUR_ADDR and ($(ike_filter any 41))")" = 1
		check "the peer begins anew one round trip after its packet" in_order "$asked" "$token" "$init"
		check "and at once" at_most "$(between "$asked" "$init")" 300
		check "back within a second of its packet" at_most "$(between "$asked" "$up")" 1000
	fi
	sleep 1
done
check "the peer lives" end_alive "$THEIR"
# what OpenIKED leaves of an SA that INITIAL_CONTACT ended is its own business
check "one Child SA at each end" test "$(states "$OUR")" = 1 -a \( "$(end_children "$THEIR")" = 1 -o "$peer" = iked \)
prove_esp "$f" "$KIND" 3
finish
