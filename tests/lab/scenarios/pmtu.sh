#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A narrow way between the gateways, of which their own links know nothing: mtu=1280 (or 576). IKE_AUTH with a chain of certificates, which
# does not fit in one packet; much data through the tunnel; and the way narrows while TCP is under way.
#   icmp=yes    routers say what does not fit: TCP and pings with don't-fragment find the size; 0 SAs lost, data back within 2 s
#   icmp=no     nobody says anything; the child has `df: clear`, as the manual tells for such ways, so that the routers may fragment
#   frags=drop  IP fragments are dropped too: IKE must find the size by itself (RFC 7383 2.5.2), TCP by the child's `mss`
mtu=${mtu:-1280} icmp=${icmp:-yes} frags=${frags:-pass}
DEEP=1
. /lab/lib.sh
[ "${auth:-psk}" != psk ] || auth=rsa
parameters "$@"
CHARON_IKE_MORE="liveness: 5s, dead_after: 60s"
[ $icmp = yes ] || { CHARON_CHILD="df: clear" SWAN_CHILD="copy_df = no" LSWAN_CONN="nopmtudisc=yes"; }
[ $frags = pass ] || { CHARON_CHILD="${CHARON_CHILD:+$CHARON_CHILD, }mss: $((mtu - 140))" SWAN_EXTRA="fragment_size = $mtu"; } # it cuts no answer anew
topology
[ "$outer" != nat ] || nat_at_inet
width() { # width BYTES: of both links behind the router, as it knows them
	ip -n inet route replace 192.0.2.0/24 dev neta mtu "$1"; ip -n inet route replace 198.51.100.0/24 dev netb mtu "$1"
	[ "$outer" != v6 ] || { ip -n inet -6 route replace 2001:db8:a::/64 dev neta mtu "$1"; ip -n inet -6 route replace 2001:db8:b::/64 dev netb mtu "$1"; }; }
in_ns inet nft -f - <<-X
	table inet way {
	  chain in { type filter hook prerouting priority -500; }
	  chain out { type filter hook output priority 0; }
	}
X
[ $icmp = yes ] || { in_ns inet nft add rule inet way out icmp type destination-unreachable counter drop
	in_ns inet nft add rule inet way out icmpv6 type packet-too-big counter drop; }
[ $frags = pass ] || for n in ga gb; do # a firewall before each gateway: it sees what the router has cut
	in_ns $n nft 'add table ip f; add chain ip f in { type filter hook prerouting priority -500; }; add rule ip f in iifname wan ip frag-off & 0x3fff != 0 counter drop'; done
width $mtu
start_both
capture inet netb "$W/inet.pcap" "not (net 10.0.0.0/8 or net fd00::/8) or ip[6:2] & 0x1fff = 0"
t=$(date +%s.%N)
check "the tunnel comes up" end_up ga || finish
note "up after $(ms "$t") ms"
check "both have it" wait_for 10 has_children gb
crosses

# --- sizes ----------------------------------------------------------------------------------------------------------------------
df_ping() { in_ns "$1" ping -n -M do -c 1 -W 1 -s "$3" "$2"; } # 0 = an answer; what it says names the size that fits
fits() { # fits FROM TO: the largest that goes, as the gateway says
	local i m=1500
	for i in 1 2 3 4; do
		df_ping "$1" "$2" $((m - 28)) >"$W/df.log" 2>&1 && { echo "$m"; return 0; }
		n=$(sed -n 's/.*mtu *= *\([0-9]*\).*/\1/p' "$W/df.log" | tail -n 1)
		[ -z "$n" ] || [ "$n" -ge "$m" ] || m=$n
	done; return 1; }
if [ $icmp = yes ] && [ "$inner" = 4 ]; then
	for d in "ha $HB" "hb $HA"; do
		m=$(fits $d) || m=none
		note "don't-fragment pings from $d: $m bytes fit"
		check "pings with don't-fragment find the size" test "$m" != none -a "${m/none/0}" -ge $((mtu - 130)) -a "${m/none/9999}" -lt $mtu
	done
elif [ $frags = pass ]; then
	check "large pings with don't-fragment pass, cut by the routers" df_ping ha "$HB" 1300
	check "and the other way" df_ping hb "$HA" 1300
fi
[ $frags != pass ] || check "large pings that may be cut pass" in_ns ha ping -n -M dont -c 3 -i 0.2 -W 2 -s 2000 "$HB"
check "TCP from ha to hb" bulk ha hb "$HB"; grep -h Mbit "$W/check.log"
check "TCP from hb to ha" bulk hb ha "$HA"; grep -h Mbit "$W/check.log"

# --- rekeys on that way ------------------------------------------------------------------------------------------------------------
if [ "$us" = charon ]; then
	was=$(end_ike_id "$OUR"); spis "$OUR" > "$W/old"
	check "the Child SA is rekeyed" end_rekey "$OUR" child
	check "with other SPIs" wait_for 15 spis_gone "$OUR" "$W/old"
	check "the IKE SA is rekeyed" end_rekey "$OUR" ike
	new_ike() { local n; n=$(end_ike_id "$OUR"); [ -n "$n" ] && [ "$n" != "$was" ]; }
	check "it is another" wait_for 15 new_ike
	check "ha pings hb" pings ha "$HB"
fi

# --- the way narrows under TCP --------------------------------------------------------------------------------------------------------
if [ $frags = pass ]; then
	width 1500
	for n in ha ga gb hb; do ip -n $n route flush cache; ip -n $n -6 route flush cache; done 2>/dev/null
	spis "$OUR" > "$W/old"; was=$(end_ike_id "$OUR")
	in_ns hb iperf3 -s -1 -D -I "$W/iperf-narrow.pid" >/dev/null 2>&1
	wait_for 10 bash -c "ip netns exec hb ss -Hltn | grep -q 5201"
	in_ns ha timeout 30 iperf3 -c "$HB" -t 7 -i 0.5 -f k --forceflush >"$W/narrow" 2>&1 & p=$!
	sleep 3; width $mtu; note "narrowed at 3 s"
	wait $p
	# seconds of silence after it narrowed, in steps of half a second; the first of them still has what was sent before
	silent=$(awk '/sec/ && !/sender|receiver/ { split($3, a, "-"); for (i = 1; i <= NF; i++) if ($i ~ /bits\/sec/) v = $(i - 1)
		if (a[1] >= 3.4) { if (v + 0 > 0) { print a[1] - 3; found = 1; exit } } } END { if (!found) print 99 }' "$W/narrow")
	note "counted: lab pmtu: $mtu icmp=$icmp with $peer: TCP goes on within $(awk -v s="$silent" 'BEGIN { print s + 0.5 }') s"
	check "TCP goes on within 2 s" awk -v s="$silent" 'BEGIN { exit !(s <= 1.5) }'
	check "the same SAs" test "$(spis "$OUR" | paste -sd' ')" = "$(paste -sd' ' "$W/old")" -a "$(end_ike_id "$OUR")" = "$was"
fi
[ $icmp = yes ] || note "ICMP that nobody heard: $(in_ns inet nft list chain inet way out | grep -o 'packets [0-9]*' | paste -sd' ')"
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
