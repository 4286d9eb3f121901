#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fail closed, end to end: the internet routes both networks, so a packet that is not protected would get there in clear. Before
# the peer is there, while the tunnel is up, rekeyed, deleted by the peer, the peer dead, the configuration edited, after the daemon was
# killed, ended by SIGTERM, or stopped: never one. Only `disable` opens.
# After a crash the next start takes over the policies and removes its orphan SAs; what others put into the kernel stays.
. /lab/lib.sh
KEEP=up CHARON_IKE_MORE="liveness: 1s, dead_after: 3s"
parameters "$@"
topology
ip -n inet route add 10.1.0.0/24 via 192.0.2.1; ip -n inet route add 10.2.0.0/24 via 198.51.100.1
check "without a daemon the networks reach each other in clear" pings ha "$HB"
foreign() { ip -n ga xfrm policy | grep -c 'src 172.20.0.0/24'; ip -n ga xfrm state | grep -c 'spi 0x00001234'; }
ip -n ga xfrm policy add src 172.20.0.0/24 dst 172.21.0.0/24 dir out action block
ip -n ga xfrm state add src 192.0.2.1 dst 203.0.113.9 proto esp spi 0x1234 reqid 7 mode tunnel aead 'rfc4106(gcm(aes))' 0x$(printf '%040d' 7) 128
before=$(foreign)
capture inet netb "$W/inet.pcap"
# what our end sends: a peer that opens when its SA is deleted may still answer in clear a ping that came through
none_clear() { sleep 0.3; test "$(count "$W/inet.pcap" "src net 10.1.0.0/24 or src net fd01::/64")" = 0; }
daemons() { ps -eo pid,args | awk -v c="$W/charon-ga/control" 'index($0, c) && !/awk/ && !/charonctl/ {print $1}'; }

end_start ga || finish
refute "the peer is not there: nothing passes" pings ha "$HB" 3
check "and nothing went in clear" none_clear
end_start gb || finish
check "the tunnel comes up by itself" wait_for 30 has_children gb
check "ha pings hb" wait_for 10 pings ha "$HB" 1
crosses

ip netns exec ha ping -n -i 0.05 -c 400 "$HB" >"$W/stream" 2>&1 & PIDS+=($!)
sleep 0.5
note "killing: $(daemons | tr '\n' ' ')"
# shellcheck disable=SC2046
kill -KILL $(daemons); sleep 1
check "every process of it is gone" test -z "$(daemons)"
check "killed: no packet in clear" none_clear
check "killed: the policies are still there" bash -c "ip -n ga xfrm policy | grep -q 'src 10.1.0.0/24 dst 10.2.0.0/24'"
spis ga > "$W/old"
for s in $(ip -n ga xfrm state | awk '/^src/ { s = $2; d = $4 } /proto esp/ && !/0x00001234/ { print s "," d "," $4 }' | head -n 1); do
	IFS=, read -r x y z <<< "$s"; ip -n ga xfrm state delete src "$x" dst "$y" proto esp spi "$z"; done
sleep 0.5
check "killed, and half of its SAs gone: no packet in clear" none_clear
check "it starts again" end_start ga
check "traffic returns" wait_for 40 pings ha "$HB" 1
check "its orphan SAs are gone" bash -c "! ip -n ga xfrm state | grep -o 'spi 0x[0-9a-f]*' | grep -vx 'spi 0x00001234' | grep -qxFf $W/old"
check "still no packet in clear" none_clear

# a packet every 20 ms from here on: every moment is looked at
ip netns exec ha ping -n -i 0.02 "$HB" >"$W/stream" 2>&1 & probe=$!; PIDS+=($probe)
for w in child ike child; do spis ga | grep -v 0x00001234 > "$W/old"; check "rekey of the $w SA" end_rekey ga $w; [ $w = ike ] || wait_for 10 spis_gone ga "$W/old"; done
check "rekeyed: no packet in clear" none_clear
spis ga | grep -v 0x00001234 > "$W/old"
check "the peer takes the tunnel down" end_down gb
check "we bring it up again" wait_for 20 spis_gone ga "$W/old"
check "traffic returns" wait_for 20 pings ha "$HB" 1
check "deleted by the peer: no packet in clear" none_clear
spis ga | grep -v 0x00001234 > "$W/old"
end_kill gb; ip -n gb xfrm state flush; ip -n gb xfrm policy flush; note "the peer was killed"
check "we notice" wait_for 20 spis_gone ga "$W/old"
sleep 0.5
check "the peer is dead: no packet in clear" none_clear
check "the peer is back" end_start gb
check "traffic returns" wait_for 40 pings ha "$HB" 1
check "the peer is back: no packet in clear" none_clear
cp "$W/charon-ga/charon.yaml" "$W/good.yaml"
for r in 10.2.0.0/16 10.2.0.0/25 "10.2.0.0/24, 10.3.0.0/24" 10.2.0.0/24; do
	sed "s|remote: \\[10[^]]*\\]|remote: [$r]|" "$W/good.yaml" > "$W/charon-ga/charon.yaml"
	check "edited, remote: $r" charon ga reload; sleep 0.3
done
check "traffic returns" wait_for 20 pings ha "$HB" 1
check "edited four times: no packet in clear" none_clear
kill -TERM "$(daemon_pid ga)"
check "SIGTERM ends it" wait_for 10 bash -c "$(declare -f daemons); W=$W; [ -z \"\$(daemons)\" ]"
sleep 0.5
check "SIGTERM: no packet in clear" none_clear
check "it starts again" end_start ga
check "traffic returns" wait_for 40 pings ha "$HB" 1
kill "$probe"; wait "$probe" 2>/dev/null
note "counted: lab closed: $(ip -n ha -s link show eth0 | awk '/TX:/ { getline; print $2 }') packets of a protected network in start, rekey, delete, death, edit, SIGTERM, kill -9; 0 in clear with $peer"
check "no packet in clear" none_clear

printf 'connections:\n  s2s: { remoet: 198.51.100.1 }\n' > "$W/broken.yaml"
cp "$W/charon-ga/charon.yaml" "$W/good.yaml"; cp "$W/broken.yaml" "$W/charon-ga/charon.yaml"
refute "a reload with a mistake is refused" charon ga reload
check "it says where and what" bash -c "ip netns exec ga $CTL -s $W/charon-ga/control reload 2>&1 | grep -q 'charon.yaml:2:.*remote'"
check "and changed nothing" pings ha "$HB" 2
: > "$W/charon-ga/charon.yaml"
refute "an empty file is refused too: it would open everything" charon ga reload
check "and changed nothing" pings ha "$HB" 2
cp "$W/good.yaml" "$W/charon-ga/charon.yaml"
spis ga > "$W/old"
check "a reload without changes" charon ga reload
spis ga > "$W/new"
check "left the SAs alone" cmp -s "$W/old" "$W/new"

check "charonctl down" charon ga down s2s
refute "down: nothing passes" pings ha "$HB" 2
check "down: nothing in clear" none_clear
check "charonctl disable" charon ga disable s2s
refute "up says that it is disabled" timeout 5 ip netns exec ga "$CTL" -s "$W/charon-ga/control" up s2s
check "disabled: open, in clear" pings ha "$HB" 2
refute "the capture sees it" none_clear
check "charonctl enable" charon ga enable s2s
rm -f "$W/inet.pcap"; capture inet netb "$W/inet.pcap"
check "charonctl up" charon ga up s2s
check "ha pings hb again" pings ha "$HB"
check "enabled: nothing in clear" none_clear
check "charonctl stop" charon ga stop
sleep 1
refute "stopped: nothing passes" pings ha "$HB" 2
check "stopped: nothing in clear" none_clear
check "what others put into the kernel is untouched" test "$(foreign)" = "$before"
finish
