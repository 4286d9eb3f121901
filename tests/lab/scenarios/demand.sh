#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# keep: on-demand: the first packet brings the tunnel up, and again after the peer has taken it down.
. /lab/lib.sh
parameters role=initiator "$@"
KEEP=on-demand
topology
start_both
capture inet netb "$W/inet.pcap"
sleep 0.5
check "nothing begins by itself" has_no_children ga
first() { in_ns ha ping -n -i 0.2 -c 20 -W 1 "$HB"; }
check "a ping brings the tunnel up" first
sed -n 's/^\(.*packet loss.*\)/# \1/p' "$W/check.log"
check "both have it" has_children gb
n=$(states ga); check "one Child SA" test "$n" = 1
spis ga > "$W/old"
check "the peer takes it down" end_down gb
check "we have dropped it" wait_for 10 spis_gone ga "$W/old"
check "a ping brings it up again" first
check "still one Child SA" test "$(states ga)" = 1
check "our daemon lives" end_alive "$OUR"
prove_esp "$W/inet.pcap"
finish
