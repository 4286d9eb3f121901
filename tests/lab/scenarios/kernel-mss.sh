#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TCP through the tunnel is told of segments that fit it; other TCP is left alone.
. "$(dirname "$0")/kernel-lib.sh"
topology
if ! has_nft; then echo "ok - clamp # SKIP this kernel has no nftables"; finish; fi
in_ns ga nft add table ip theirs
conf $W/ga.yaml $A $B '10.1.0.0/24, fd01::/64' '10.2.0.0/24, fd02::/64' up
conf $W/gb.yaml $B $A '10.2.0.0/24, fd02::/64' '10.1.0.0/24, fd01::/64' up 'mss: off'
hand_start ga $W/ga.yaml && hand_start gb $W/gb.yaml
grep '^log' $W/ga.out $W/gb.out
in_ns ga nft list ruleset | sed 's/^/# /'
capture hb eth0 $W/hb.pcap; capture ha eth0 $W/ha.pcap
syn() { # syn FROM TO PORT: a connection that is refused is enough
	in_ns $1 timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null; sleep 0.3; }
mss_of() { # mss_of FILE PORT [v6]: the size that the SYN to PORT names
	if [ -n "${3:-}" ]; then tcpdump -nr "$1" "ip6 and ip6[6] = 6 and ip6[42:2] = $2" 2>/dev/null; else tcpdump -nr "$1" "tcp dst port $2 and tcp[13] & 2 != 0" 2>/dev/null; fi |
		sed -n 's/.*mss \([0-9]*\).*/\1/p' | head -1; }
check "install" both 1
syn ha 10.2.0.2 8001
n=$(mss_of $W/hb.pcap 8001); note "from 1460 to $n"
check "out: what the tunnel's path takes" test "${n:-0}" -ge 1380 -a "${n:-0}" -lt 1460
syn hb 10.1.0.2 8002
is "in: a size that fits any" "$(mss_of $W/ha.pcap 8002)" 1350
syn ha fd02::2 8003
n=$(mss_of $W/hb.pcap 8003 v6); note "from 1440 to $n"
check "out, IPv6" test "${n:-0}" -ge 1360 -a "${n:-0}" -lt 1440
syn hb fd01::2 8004
is "in, IPv6" "$(mss_of $W/ha.pcap 8004 v6)" 1330
sed 's/keep: up/keep: up\n        mss: 1200/' $W/ga.yaml > $W/ga-1200.yaml
check "a size of its own" hand_ok ga configure $W/ga-1200.yaml
in_ns ga nft list ruleset | sed 's/^/# /'
syn ha 10.2.0.2 8005; is "out" "$(mss_of $W/hb.pcap 8005)" 1200
syn hb 10.1.0.2 8006; is "in" "$(mss_of $W/ha.pcap 8006)" 1200
syn ha fd02::2 8007; is "out, IPv6" "$(mss_of $W/hb.pcap 8007 v6)" 1200
sed 's/keep: up/keep: up\n        mss: off/' $W/ga.yaml > $W/ga-off.yaml
check "off" hand_ok ga configure $W/ga-off.yaml
syn ha 10.2.0.2 8008; is "left alone" "$(mss_of $W/hb.pcap 8008)" 1460
check "back" hand_ok ga configure $W/ga.yaml
check "disable" hand_ok ga disable paris; hand_ok gb disable paris >/dev/null
syn ha 10.2.0.2 8009; is "what does not go through the tunnel is left alone" "$(mss_of $W/hb.pcap 8009)" 1460
check "disarm" hand_ok ga disarm
is "nothing of ours is left, all of theirs is" "$(in_ns ga nft list tables | tr '\n' ' ')" "table ip theirs "
finish
