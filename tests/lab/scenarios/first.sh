#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first message is sent back once or twice: how=cookie, the responder asks for a cookie (RFC 7296 2.6);
# how=group, the initiator guesses a group that the responder refuses (1.2, INVALID_KE_PAYLOAD); how=both (2.6.1).
how=${how:-cookie}
. /lab/lib.sh
parameters "$@"
case $how in cookie | both)
	CHARON_DAEMON="limits: { cookie_threshold: 0 }"
	LSWAN_SETUP="  ddos-mode=busy"
	SWAN_EXTRA="cookie_threshold = 1
	  cookie_threshold_ip = 1" ;;
esac
guess() { # the initiator offers two groups, the wrong one first
	CHARON_IKE=aes256gcm16-prfsha256-ecp384-x25519 SWAN_IKE=aes256gcm16-prfsha256-ecp384-x25519 \
		LSWAN_IKE='aes_gcm256-sha2_256;dh20+dh31' IKED_IKE='enc aes-256-gcm prf hmac-sha2-256 group ecp384 group curve25519' "$@"; }
half_open() { # strongSwan asks for a cookie from the second half-open IKE SA on: make one that goes no further.
	# It refuses even its own cookies in the first ten seconds of a machine's uptime.
	sleep 11
	in_ns ga nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; add rule ip t in udp dport 500 drop'
	end_start ga || return 1
	( end_up ga ) & local p=$!; sleep 1.5; kill $p; wait $p 2>/dev/null
	end_kill ga; in_ns ga nft delete table ip t; }
topology
end_start gb || finish
if [ $how != group ] && [ "$GB" = swan ]; then half_open || finish; fi
if [ $how = cookie ]; then end_start ga || finish; else guess end_start ga || finish; fi
capture inet netb "$W/inet.pcap"
check "tunnel" end_up ga || finish
check "both have it" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
sleep 0.5
n=$(count "$W/inet.pcap" "$(ike_filter 34)") c=$(count "$W/inet.pcap" "$(ike_filter 34 41)")
note "IKE_SA_INIT messages: $n, of them with a notify first: $c"
pcap "$W/inet.pcap" "$(ike_filter 34)" | sed 's/^/#   /' | cut -c1-200
case $how in
cookie) check "the cookie was asked for and brought" test "$n" -ge 4 -a "$c" -ge 2 ;;
group) check "the group was refused and another tried" test "$n" -ge 4 -a "$c" -ge 1 ;;
both) check "cookie and group were settled" test "$n" -ge 4 -a "$c" -ge 3 ;;
esac
check "our daemon lives" end_alive "$OUR"
finish
