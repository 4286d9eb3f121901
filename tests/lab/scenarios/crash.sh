#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each of our processes is killed in turn: the tunnel returns by itself, and nothing leaks.
. /lab/lib.sh
parameters role=initiator "$@"
KEEP=up
topology
ip -n inet route add 10.1.0.0/24 via "$A"; ip -n inet route add 10.2.0.0/24 via "$B"
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" wait_for 20 has_children ga
back() { in_ns ha ping -n -c 1 -W 1 "$HB"; }
child_of() { # the process of that name below our daemon
	local p; for p in $(pgrep -P "$(cat "$W/pid-ga")"); do case $(tr '\0' ' ' < /proc/$p/cmdline)$(cat /proc/$p/comm) in *"$1"*) echo "$p"; return ;; esac; done; }
for who in core hand vault judge fetch; do
	p=$(child_of $who)
	check "there is a process $who" test -n "$p" || continue
	kill -KILL "$p"
	check "another $who takes its place" wait_for 15 bash -c "$(declare -f child_of); W=$W; n=\$(child_of $who); [ -n \"\$n\" ] && [ \"\$n\" != $p ]"
	check "traffic returns after the loss of $who" wait_for 30 back
done
check "one Child SA at rest" wait_for 20 bash -c "[ \$(ip -n ga xfrm state | grep -c '^src .* dst $A\$') = 1 ]"
check "our daemon lives" end_alive ga
check "charonctl rekey after all that" end_rekey ga child
check "ha pings hb" pings ha "$HB"
prove_esp "$W/inet.pcap"
finish
