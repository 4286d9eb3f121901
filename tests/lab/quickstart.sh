#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job, shown (tools/quickstart runs this on a kernel that has ESP): two gateways and a host behind each, in
# network namespaces; both gateways run charon-lite with the files of conf.d/quickstart.
. "$(dirname "$0")/lib.sh"
CONF=${1:?folder of paris.yaml and berlin.yaml}
say() { echo "  $*"; }
must() { # must TEXT COMMAND...: or it ends here
	local t=$1; shift
	if "$@" >"$W/must.log" 2>&1; then passes=$((passes+1)); say "ok    $t"; return; fi
	say "FAIL  $t"; sed 's/^/        /' "$W/must.log" | tail -25; fails=1
	for t in paris berlin; do [ ! -s "$W/$t/log" ] || { say "---- the log of $t"; tail -25 "$W/$t/log" | sed 's/^/        /'; }; done
	stop_all; exit 1; }
gateway() { # gateway NAME NS: its configuration and the shared secret, then the daemon
	local d=$W/$1; mkdir -p "$d"; cp "$CONF/$1.yaml" "$d/"; cp "$W/psk" "$d/quickstart.psk"; chmod 600 "$d/quickstart.psk"
	must "$1: charonctl check $1.yaml" in_ns "$2" "$CTL" check "$d/$1.yaml"
	spawn "$2" "$d/log" "$BIN" ${CHARON_ARGS:-} -c "$d/$1.yaml" -s "$d/control"
	must "$1: charon-lite answers" wait_for 20 ctl "$1" list; }
ctl() { local n=ga; [ "$1" = paris ] || n=gb; local d=$W/$1; shift; in_ns $n "$CTL" -s "$d/control" "$@"; }
heading() { echo; echo "$*"; }

heading "host-paris --- paris --- internet --- berlin --- host-berlin     (five network namespaces)"
topology
openssl rand -base64 32 > "$W/psk" 2>/dev/null || head -c 32 /dev/urandom | base64 > "$W/psk"
gateway paris ga
gateway berlin gb
capture inet netb "$W/middle.pcap"
must "before the tunnel nothing passes" bash -c '! ip netns exec ha ping -n -c1 -W1 10.2.0.2'
t=$(date +%s.%N)
must "paris: charonctl up berlin" ctl paris up berlin
say "      the tunnel took $(ms "$t") ms"
must "host-paris pings host-berlin" pings ha 10.2.0.2 5
say "      $(grep transmitted "$W/must.log")"
must "host-berlin pings host-paris" pings hb 10.1.0.2 5
say "      $(grep transmitted "$W/must.log")"
if grep -q fd02 "$CONF/paris.yaml"; then
	must "host-paris pings host-berlin, IPv6 inside" pings ha fd02::2 5
	say "      $(grep transmitted "$W/must.log")"
fi
heading "paris: charonctl list"
ctl paris list 2>&1 | sed 's/^/  /'
heading "paris: the SAs in its kernel"
ip -s -n ga xfrm state | awk '
	/^src/ { from = $2; to = $4; alg = "" }
	/^\tproto/ { spi = $4; sub(/\(.*/, "", spi) }
	/^\t(aead|enc|auth)/ { alg = alg " " $2 }
	/lifetime current:/ { getline; sub(/\(bytes\),/, "", $1); sub(/\(packets\).*/, "", $2); printf "  %s -> %s  SPI %s %s:  %d packets, %d bytes\n", from, to, spi, alg, $2, $1 }'
sleep 0.5
esp=$(count "$W/middle.pcap" esp) bare=$(count "$W/middle.pcap" "$clear_filter")
heading "captured in the middle, between the gateways:  $esp ESP packets,  $bare clear packets"
[ "$esp" -ge 20 ] && [ "$bare" = 0 ] && [ "$(ip -n ga xfrm state | grep -c 'proto esp')" -ge 2 ] || { say "FAIL  that is not what should be"; fails=1; }
stop_all
[ $fails = 0 ]
