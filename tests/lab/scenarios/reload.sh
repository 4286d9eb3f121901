#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reload under traffic: a broken file changes nothing, an added connection disturbs none, a changed one is renewed, a
# removed one is closed.
. /lab/lib.sh
parameters role=initiator "$@"
KEEP=up
topology
start_both
capture inet netb "$W/inet.pcap"
check "tunnel" wait_for 20 has_children ga || finish
wait_for 10 has_children gb
f=$W/charon-ga/charon.yaml; cp "$f" "$W/sound.yaml"
spis ga > "$W/before"
stream_start ha "$HB" 300
same() { spis ga | cmp -s - "$W/before"; }
sed 's/proposals:/propsals:/' "$W/sound.yaml" > "$f"
refute "a broken file is refused" charon ga reload
grep -i 'propsals\|did you mean' "$W/check.log" | head -3 | sed 's/^/# /'
check "nothing has changed" same
{ cat "$W/sound.yaml"; echo "  other:"; echo "    remote: { address: 203.0.113.9, id: other.lab }"; echo "    local: { address: $A, id: ga.lab }"
  echo "    psk: file:s2s.psk"; echo "    local_net: [10.1.0.0/24]"; echo "    remote_net: [10.77.0.0/16]"; echo "    keep: answer"; } > "$f"
check "a connection is added" charon ga reload
sleep 0.5; check "the one there is left alone" same
check "the new one is known" bash -c "$(declare -f in_ns charon); W=$W CTL=$CTL; charon ga list other"
cp "$W/sound.yaml" "$f"
check "and taken away" charon ga reload
sleep 0.5; check "the one there is left alone" same
stream_stop; check "no packet was lost by us" lost_none
sed 's/rekey: [0-9]*[smh]//; s/esp: \[[^]]*\]/esp: [aes256gcm16-x25519], replay_window: 256/' "$W/sound.yaml" > "$f"
check "its child is changed" charon ga reload
check "it is renewed" wait_for 20 spis_gone ga "$W/before"
check "ha pings hb" wait_for 20 pings ha "$HB" 1
check "our daemon lives" end_alive ga
prove_esp "$W/inet.pcap"
finish
