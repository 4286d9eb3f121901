#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fail closed: the internet here would carry the private networks in the clear, and at no moment does a packet of theirs
# leave our gateway unprotected: before the tunnel, while it is up, after kill -9, while the daemon comes back, when it is
# down, after stop. Only `disable` opens, and `enable` closes again. What others put into the kernel stays.
. /lab/lib.sh
parameters role=initiator "$@"
KEEP=up
topology
ip -n inet route add 10.1.0.0/24 via "$A"; ip -n inet route add 10.2.0.0/24 via "$B"
end_start gb || finish
foreign() { ip -n ga xfrm state get src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x77777 && ip -n ga xfrm policy get src 172.16.0.0/16 dst 172.17.0.0/16 dir out; }
ip -n ga xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0x77777 reqid 77 mode tunnel aead 'rfc4106(gcm(aes))' 0x0001020304050607080910111213141516171819 128
ip -n ga xfrm policy add src 172.16.0.0/16 dst 172.17.0.0/16 dir out action block priority 77
capture inet neta "$W/out.pcap" "src net 10.1.0.0/24 or dst net 10.1.0.0/24"
capture inet netb "$W/inet.pcap"
leaks() { count "$W/out.pcap" "src net 10.1.0.0/24"; }
tight() { sleep 0.3; check "no packet has leaked $1" test "$(leaks)" = 0; }
check "our daemon starts" end_start ga
ping_all() { in_ns ha ping -n -i 0.05 -c "${1:-20}" -W1 "$HB"; }
check "tunnel, by itself" wait_for 20 has_children ga
check "ha pings hb" pings ha "$HB"
tight "with the tunnel up"
stream_start ha "$HB" 300
end_kill ga; note "our daemon has been killed"
sleep 1
refute "its processes are gone" bash -c "pgrep -f '$W/charon-ga/charon.yaml'"
ip -n ga xfrm state | grep -q ' spi ' && note "its SAs still serve"
for s in $(ip -n ga xfrm state | awk '/^src/ { s = $2; d = $4 } /proto esp/ && !/0x00077777/ { print s "," d "," $4 }'); do
	IFS=, read -r x y z <<< "$s"; ip -n ga xfrm state delete src "$x" dst "$y" proto esp spi "$z"; done
note "and now its SAs are gone too"
sleep 1
tight "with the daemon killed"
check "what others made is still there" foreign
check "it starts again" end_start ga
check "the tunnel is back, by itself" wait_for 30 bash -c "$(declare -f in_ns); ip netns exec ha ping -n -c1 -W1 $HB"
tight "while it came back"
check "charonctl down" end_down ga
refute "nothing passes when it is down" ping_all 5
tight "when it is down"
check "charonctl up" end_up ga
check "traffic" pings ha "$HB"
kill -INT "$STREAM"; wait "$STREAM" 2>/dev/null
check "charonctl stop" charon ga stop
wait_for 10 bash -c "! kill -0 $(cat "$W/pid-ga")"
refute "nothing passes when it is stopped" ping_all 5
tight "when it is stopped"
check "it starts again" end_start ga
check "the tunnel is back" wait_for 20 has_children ga
check "charonctl disable" charon ga disable s2s
refute "it is no tunnel any more" has_children ga
in_ns ha ping -n -i 0.1 -c 5 -W1 "$HB" >/dev/null 2>&1; sleep 0.3
check "disable opens: packets leave in the clear" test "$(leaks)" -ge 5
check "charonctl enable" charon ga enable s2s
n=$(leaks)
wait_for 20 has_children ga
check "traffic" pings ha "$HB"
sleep 0.3; check "enable has closed it" test "$(leaks)" = "$n"
check "what others made is still there" foreign
finish
