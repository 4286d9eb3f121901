#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The README's site-to-site guide, its own files, against strongSwan and libreswan: peer=swan | lswan.
. /lab/lib.sh
parameters "$@"
README=${README:-/src/README.md}
block() { # block NAME: the fenced lines under <!-- NAME -->
	awk -v f="<!-- $1 -->" '$0 == f {on = 1; next} on && /^```/ {if (n++) exit; next} on && n' "$README" |
		sed "s|the line in berlin.psk|$PSK|"; }
PSK=$(openssl rand -base64 32)
charon_conf() { block berlin.yaml; }
swan_conf() { block swanctl.conf; }
lswan_conf() { printf 'config setup\n  ikev1-policy=drop\n  logfile=%s\n  dnssec-enable=no\n\n' "$W/lswan-gb/log"; block ipsec.conf | sed 's/^conn paris/conn s2s/'; }
check "the README has the files" test -n "$(block berlin.yaml)" -a -n "$(block swanctl.conf)" -a -n "$(block ipsec.conf)"
topology
mkdir -p "$W/charon-ga"; printf '%s\n' "$PSK" > "$W/charon-ga/berlin.psk"; chmod 600 "$W/charon-ga/berlin.psk"
capture inet netb "$W/inet.pcap"
start_both
check "charonctl up berlin" charon ga up berlin
crosses
prove_esp "$W/inet.pcap"
charon ga list | sed 's/^/# /'
finish
