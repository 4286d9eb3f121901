# SPDX-License-Identifier: Apache-2.0
# Sourced by scenarios inside the guest: the network, the two ends, traffic, proofs.
#
#      ha ---------- ga ---------- inet ---------- gb ---------- hb
#      10.1.0.0/24   192.0.2.0/24       198.51.100.0/24   10.2.0.0/24
#      fd01::/64     2001:db8:a::/64    2001:db8:b::/64   fd02::/64
#
# The initiator is always ga. With OUTER=nat the router inet hides it behind its own address.
# A scenario's parameters come as name=value arguments:
#   us=charon     which daemon plays our part (charon, and any peer: to measure the peers and to try the laboratory itself)
#   peer=swan     charon | swan (strongSwan) | lswan (libreswan) | iked (OpenIKED)
#   role=initiator | responder      ours
#   auth=psk | rsa | ecdsa | ed25519
#   outer=v4 | v6 | nat
#   inner=4 | 6 | 46
#   ike=gcm | cbc | chacha | ecp    esp=gcm | cbc | cbc512 | chacha
set -u
LAB_T0=$(date +%s.%N)
W=${W:-/run/lab}; mkdir -p "$W"
PSK=${PSK:-charon-lab-preshared-key-0123456789}
fails=0 passes=0 PIDS=()
# a build with sanitizers writes its reports into the daemon's log; seccomp would not let it
[ -z "${ASAN:-}" ] || { CHARON_ARGS="${CHARON_ARGS:-} --sandbox=off"; export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0${ASAN_MORE:+:$ASAN_MORE} UBSAN_OPTIONS=print_stacktrace=1; }

# --- saying ------------------------------------------------------------------
ms() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN{printf "%.0f", (b-a)*1000}'; }
note() { echo "# $*"; }
ok() { passes=$((passes+1)); echo "ok - $*"; }
nok() { fails=$((fails+1)); echo "not ok - $*"; }
check() { local d=$1; shift; if "$@" >"$W/check.log" 2>&1; then ok "$d"; else nok "$d ($*)"; sed 's/^/#   /' "$W/check.log" | tail -20; return 1; fi; }
refute() { local d=$1; shift; if "$@" >"$W/check.log" 2>&1; then nok "$d ($*)"; else ok "$d"; fi; }
wait_for() { # wait_for SECONDS COMMAND...: poll until it succeeds, every STEP seconds
	local end; end=$(( $(date +%s%N) + $1 * 1000000000 )); shift
	while ! "$@" >/dev/null 2>&1; do [ "$(date +%s%N)" -lt "$end" ] || return 1; sleep "${STEP:-0.05}"; done; }
finish() {
	! crashed || nok "a crash: $(crashed | head -n 1 | cut -c1-200)"
	if [ $fails -gt 0 ]; then
		echo "# peer says: $(peer_error)"
		[ "$peer" = charon ] || [ ! -s "$W/pid-$THEIR" ] || end_alive "$THEIR" || echo "# peer died: $(peer_error)" # and not by us
		logs
	fi
	stop_all; echo "# $passes passed, $fails failed in $(ms "$LAB_T0") ms"; [ $fails = 0 ]; exit $?; }
crashed() { # a report of a sanitizer, or a signal that is none of the scenario's
	grep -hE '(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:|was ended by signal (4|6|7|8|11|31) ' "$W"/charon-g?/log 2>/dev/null; }
stop_all() { # ends only what this scenario started
	local p; for p in ${PIDS[@]+"${PIDS[@]}"}; do kill "$p" 2>/dev/null; done
	for p in ${PIDS[@]+"${PIDS[@]}"}; do ( sleep 3; kill -KILL "$p" 2>/dev/null ) & wait "$p" 2>/dev/null; done; PIDS=(); }
in_ns() { local n=$1; shift; ip netns exec "$n" "$@"; }
peer_error() { # what the peer says was wrong, for a cell that it cannot do
	local d; d=$W/$peer-$THEIR
	cat "$d/log" "$d/out" "$d/load" "$d/add" 2>/dev/null | grep -iE 'no acceptable|no.proposal|fail|error|unsupported|invalid|not a valid|not supported|mismatch|syntax' |
		grep -viE 'sending|received|retransmi|enum|signature hash|armor|unknown SA|opening directory|sa_free|providers|plugin|routing table rule|no valid configuration' | tail -n 1 | sed -E 's/^[0-9]+ [0-9]+//; s/^[A-Z][a-z]{2} +[0-9]+ [0-9:.]+: //; s/spi=0x[0-9a-f]*: //' | cut -c1-160; }
logs() { # the tail of every daemon's log, for a failed scenario
	local f; for f in "$W"/*-g?/log "$W"/*-g?/out; do [ -s "$f" ] || continue
		echo "#   --- ${f#"$W"/}"; tail -n "${LAB_LOG_LINES:-25}" "$f" | cut -c1-300 | sed 's/^/#   /'; done
	if [ -d /job ]; then mkdir -p /job/keep; cp -r "$W" /job/keep/ 2>/dev/null; fi; :; }

# --- the network -------------------------------------------------------------
modules() { # load what is a module; what is built in (or absent) is no error
	local m; for m in xfrm_user af_key esp4 esp6 xfrm_interface authenc echainiv gcm ccm chacha20poly1305 cbc ctr \
		sha256 sha512 veth tun nf_tables nft_chain_nat nft_masq nft_ct sch_netem; do modprobe -q "$m" 2>/dev/null; done; :; }
veth() { # veth NS1 IF1 ADDR1 NS2 IF2 ADDR2 [V6ADDR1 V6ADDR2]
	ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
	printf '%s\n' "addr add $3 dev $2" ${7:+"addr add $7 dev $2 nodad"} "link set $2 up" | ip -n "$1" -batch -
	printf '%s\n' "addr add $6 dev $5" ${8:+"addr add $8 dev $5 nodad"} "link set $5 up" | ip -n "$4" -batch -; }
routes() { # routes NS GATEWAY4 GATEWAY6
	ip -n "$1" route add default via "$2"; ip -n "$1" -6 route add default via "$3"; }
topology() {
	modules
	local n; for n in ha ga inet gb hb; do
		ip netns add $n; ip -n $n link set lo up
		in_ns $n bash -c 'cd /proc/sys/net; for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > $f; done
			for f in ipv4/conf/{all,default}/rp_filter ipv6/conf/{all,default}/accept_dad; do echo 0 > $f; done'
	done
	veth ha eth0 10.1.0.2/24 ga lan 10.1.0.1/24 fd01::2/64 fd01::1/64
	veth ga wan 192.0.2.1/24 inet neta 192.0.2.254/24 2001:db8:a::1/64 2001:db8:a::fe/64
	veth gb wan 198.51.100.1/24 inet netb 198.51.100.254/24 2001:db8:b::1/64 2001:db8:b::fe/64
	veth hb eth0 10.2.0.2/24 gb lan 10.2.0.1/24 fd02::2/64 fd02::1/64
	routes ha 10.1.0.1 fd01::1; routes hb 10.2.0.1 fd02::1
	routes ga 192.0.2.254 2001:db8:a::fe; routes gb 198.51.100.254 2001:db8:b::fe
}
nat_at_inet() { # ga is seen as 198.51.100.254
	in_ns inet nft -f - <<-X
	table ip nat {
	  chain post {
	    type nat hook postrouting priority srcnat
	    oifname "netb" masquerade
	  }
	}
	X
}
lose() { # lose PERCENT: of the packets that cross the internet, either way
	in_ns inet tc qdisc replace dev neta root netem loss "$1%" && in_ns inet tc qdisc replace dev netb root netem loss "$1%"; }
capture() { # capture NS IF FILE [FILTER]
	in_ns "$1" tcpdump -n -U --immediate-mode -s 256 -i "$2" -w "$3" ${4:-} 2>"$3.err" & PIDS+=($!)
	wait_for 10 grep -q listening "$3.err"; }
pcap() { tcpdump -nr "$1" ${2:+"$2"} 2>/dev/null; }
count() { pcap "$1" "$2" | wc -l; }

# --- the parameters ----------------------------------------------------------
us=${us:-charon} peer=${peer:-swan} role=${role:-initiator} auth=${auth:-psk} outer=${outer:-v4} inner=${inner:-4}
ike=${ike:-gcm} esp=${esp:-gcm}
parameters() { # parameters NAME=VALUE...
	local a; for a; do case $a in [a-z]*=*) declare -g "${a%%=*}=${a#*=}" ;; *) echo "not name=value: $a"; exit 99 ;; esac; done
	case $role in initiator) OUR=ga THEIR=gb GA=$us GB=$peer ;; responder) OUR=gb THEIR=ga GA=$peer GB=$us ;; *) exit 99 ;; esac
	case $outer in
	v6) A=2001:db8:a::1 B=2001:db8:b::1 A_SEEN=$A ;;
	nat) A=192.0.2.1 B=198.51.100.1 A_SEEN=198.51.100.254 ;;
	*) A=192.0.2.1 B=198.51.100.1 A_SEEN=$A ;;
	esac
	case $inner in
	4) NA=10.1.0.0/24 NB=10.2.0.0/24 ;;
	6) NA=fd01::/64 NB=fd02::/64 ;;
	46) NA=10.1.0.0/24,fd01::/64 NB=10.2.0.0/24,fd02::/64 ;;
	esac
	case $inner in 6) HA=fd01::2 HB=fd02::2 ;; *) HA=10.1.0.2 HB=10.2.0.2 ;; esac
	KIND=esp; [ "$outer" != nat ] || KIND=udpencap
	note "us=$us peer=$peer role=$role auth=$auth outer=$outer inner=$inner ike=$ike esp=$esp"
}
# What one end sees: its own and the other's address, name and network.
sides() { # sides NS
	if [ "$1" = ga ]; then L=$A R=$B LI=ga.lab RI=gb.lab LN=$NA RN=$NB
	else L=$B R=$A LI=gb.lab RI=ga.lab LN=$NB RN=$NA; [ "$outer" != nat ] || R=any; fi; }
ours() { [ "$1" = "$OUR" ]; }
kind() { if [ "$1" = ga ]; then echo "$GA"; else echo "$GB"; fi; }

# --- certificates ------------------------------------------------------------
new_key() { # new_key FILE
	case $auth in
	rsa) openssl genrsa -out "$1" "${RSA_BITS:-2048}" ;;
	ecdsa) openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1" ;;
	ed25519) openssl genpkey -algorithm ed25519 -out "$1" ;;
	esac 2>/dev/null; }
new_cert() { # new_cert NAME SUBJECT CA EXTENSIONS: NAME.pem and NAME.key, signed by CA ("self" for a root)
	local d=$W/pki n=$1 sign
	new_key "$d/$n.key"
	openssl req -new -key "$d/$n.key" -subj "$2" -out "$d/$n.csr" || return 1
	printf '%s\n' "$4" > "$d/$n.ext"
	if [ "$3" = self ]; then sign=(-signkey "$d/$n.key"); else sign=(-CA "$d/$3.pem" -CAkey "$d/$3.key" -CAcreateserial); fi
	openssl x509 -req -in "$d/$n.csr" -days 30 -extfile "$d/$n.ext" "${sign[@]}" -out "$d/$n.pem" 2>/dev/null; }
pki() { # a root, an intermediate where DEEP=1, and a certificate for each gateway
	[ "$auth" != psk ] || return 0
	[ ! -f "$W/pki/gb.pem" ] || return 0
	local ca="basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign" n by=ca
	mkdir -p "$W/pki"
	{ new_cert ca "/O=Lab/CN=Lab Root" self "$ca"
	  if [ "${DEEP:-0}" = 1 ]; then new_cert mid "/O=Lab/CN=Lab Intermediate" ca "$ca"; by=mid; fi
	  for n in ga gb; do new_cert $n "/O=Lab/CN=$n.lab" $by "keyUsage=digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$n.lab"
		cat "$W/pki/$n.pem" $([ $by = ca ] || echo "$W/pki/mid.pem") > "$W/pki/$n-chain.pem"; done; } 2>"$W/pki/log" ||
		{ nok "certificates"; cat "$W/pki/log"; return 1; }; }

# --- an end: one daemon in one namespace, whatever it is ------------------------
# Each kind has KIND_start, KIND_up, KIND_down, KIND_rekey NS child|ike, KIND_children (a number) and KIND_ike_id.
# Rekey times: CHILD_REKEY and IKE_REKEY in seconds (empty: long).
end_start() { sides "$1"; pki || return 1; "$(kind "$1")_start" "$1"; }
end_up() { local t; t=$(date +%s.%N); "$(kind "$1")_up" "$1" >"$W/up.log" 2>&1 || { sed 's/^/#   /' "$W/up.log" | tail -25; return 1; }
	note "$1 ($(kind "$1")): up in $(ms "$t") ms"; }
end_down() { "$(kind "$1")_down" "$1"; }
end_rekey() { "$(kind "$1")_rekey" "$1" "$2"; }
end_children() { "$(kind "$1")_children" "$1"; }
end_ike_id() { "$(kind "$1")_ike_id" "$1" 2>/dev/null | sort; } # names the established IKE SA
end_kill() { local p; p=$(cat "$W/pid-$1"); kill -KILL "$p" 2>/dev/null; wait "$p" 2>/dev/null; ! kill -0 "$p" 2>/dev/null; }
end_alive() { kill -0 "$(cat "$W/pid-$1")" 2>/dev/null; }
spawn() { # spawn NS OUT COMMAND...: in the background, noted to be ended
	local ns=$1 out=$2; shift 2
	ip netns exec "$ns" "$@" >"$out" 2>&1 & PIDS+=($!); echo $! > "$W/pid-$ns"; }
has_children() { [ "$(end_children "$1")" -ge "${2:-1}" ]; }
has_no_children() { [ "$(end_children "$1")" = 0 ]; }
start_both() { # the responder first; the scenario ends where one does not start
	end_start gb && end_start ga || { nok "both daemons start"; finish; }
	note "daemons after $(ms "$LAB_T0") ms"; }

# --- charon-lite --------------------------------------------------------------
BIN=${CHARON_LITE:-/build/charon-lite/charon-lite} CTL=${CHARONCTL:-/build/tools/charonctl}
charon_esp() { case $esp in gcm) echo aes256gcm16-x25519 ;; cbc) echo aes256-sha256-modp2048 ;; cbc512) echo aes256-sha512 ;;
	chacha) echo chacha20poly1305-ecp256 ;; *) echo "$esp" ;; esac; }
charon_ike() { case $ike in gcm) echo aes256gcm16-prfsha256-x25519 ;; cbc) echo aes256-sha256-modp2048 ;;
	chacha) echo chacha20poly1305-prfsha512-ecp256 ;; ecp) echo aes256-sha384-ecp384 ;; *) echo "$ike" ;; esac; }
charon_conf() { # charon_conf NS, after sides
	local l="address: $L, id: $LI" r="id: $RI"
	[ "$R" = any ] && r="address: any, $r" || r="address: $R, $r"
	[ "$auth" = psk ] || { l="$l, cert: $W/pki/$1-chain.pem, key: $W/pki/$1.key"; r="$r, ca: $W/pki/ca.pem"; }
	cat <<-X
	daemon: { log: debug${CHARON_DAEMON:+, $CHARON_DAEMON} }
	connections:
	  s2s:
	    local: { $l }
	    remote: { $r }
	    $([ "$auth" != psk ] || echo "psk: file:s2s.psk")
	    keep: ${KEEP:-answer}
	    ike: { proposals: [${CHARON_IKE:-$(charon_ike)}]${IKE_REKEY:+, rekey: ${IKE_REKEY}s}${CHARON_IKE_MORE:+, $CHARON_IKE_MORE} }
	    children:
	      net: { local: [$LN], remote: [$RN], esp: [${CHARON_ESP:-$(charon_esp)}]${CHILD_REKEY:+, rekey: ${CHILD_REKEY}s}${CHARON_CHILD:+, $CHARON_CHILD} }
	X
}
charon_start() { local d=$W/charon-$1; mkdir -p "$d"
	printf '%s\n' "$PSK" > "$d/s2s.psk"; chmod 600 "$d/s2s.psk"
	charon_conf "$1" | grep -v '^ *$' > "$d/charon.yaml"
	spawn "$1" "$d/log" "$BIN" ${CHARON_ARGS:-} --state "$d/state" -c "$d/charon.yaml" -s "$d/control"
	wait_for 20 charon "$1" list || { nok "charon-lite in $1 answers"; cat "$d/charon.yaml" "$d/log"; return 1; }; }
charon() { local ns=$1; shift; timeout "${CHARON_PATIENCE:-20}" ip netns exec "$ns" "$CTL" -s "$W/charon-$ns/control" "$@"; }
charon_up() { charon "$1" up s2s; }
charon_down() { charon "$1" down s2s; }
charon_rekey() { if [ "$2" = ike ]; then charon "$1" rekey s2s; else charon "$1" rekey s2s net; fi; }
charon_ike_id() { charon "$1" --json list | grep -o '"spi_i":"[0-9a-f]*"'; }
charon_children() { states "$1"; }
# SA pairs in the kernel, by the inbound one: whatever the daemon thinks
states() { local l=$A_SEEN; [ "$1" = ga ] && l=$A || l=$B
	ip -n "$1" xfrm state | grep -c "^src .* dst $l\$"; }
spis() { ip -n "$1" xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort; }
# Every SA of the first half of a run is to go: remember what is there, and see whether all of it has gone.
spis_gone() { [ -s "$2" ] && ! spis "$1" | grep -qxFf "$2"; }

# --- strongSwan: charon-systemd, no systemd needed -------------------------------
SWAN_PLUGINS=${SWAN_PLUGINS:-"random nonce x509 constraints pubkey pem pkcs1 pkcs8 openssl kdf kernel-netlink socket-default vici updown"}
swan_esp() { case $esp in gcm) echo aes256gcm16-x25519 ;; cbc) echo aes256-sha256-modp2048 ;; cbc512) echo aes256-sha512 ;;
	chacha) echo chacha20poly1305-ecp256 ;; *) echo "$esp" ;; esac; }
swan_ike() { charon_ike; } # the same words
swan_conf() { # swan_conf NS, after sides
	local l r=$R; [ "$r" != any ] || r=%any
	if [ "$auth" = psk ]; then l="auth = psk"; else l="auth = pubkey
	    certs = $1-chain.pem"; fi
	cat <<-X
	connections { s2s { version = 2
	  local_addrs = $L
	  remote_addrs = $r
	  proposals = ${SWAN_IKE:-$(swan_ike)}
	  rekey_time = ${IKE_REKEY:-4h}
	  mobike = no
	  ${SWAN_CONN:-}
	  $([ "${KEEP:-}" != up ] || echo "keyingtries = 0")
	  local { $l
	    id = $LI }
	  remote { auth = $([ "$auth" = psk ] && echo psk || echo pubkey)
	    id = $RI }
	  children { net { local_ts = $LN
	      remote_ts = $RN
	      esp_proposals = ${SWAN_ESP:-$(swan_esp)}
	      rekey_time = ${CHILD_REKEY:-1h}
	      $([ "${KEEP:-}" != up ] || echo "dpd_action = restart")
	      ${SWAN_CHILD:-} } } } }
	secrets { ike-1 { secret = "$PSK" } }
	X
}
swan_start() { local ns=$1 d=$W/swan-$1; mkdir -p "$d/swanctl"/{x509,x509ca,private,pubkey,ecdsa,pkcs8}
	swan_conf "$ns" > "$d/swanctl/swanctl.conf"
	if [ "$auth" != psk ]; then cp "$W/pki/ca.pem" "$d/swanctl/x509ca/"; cp "$W/pki/$ns.key" "$d/swanctl/private/"
		cp "$W/pki/$ns.pem" "$d/swanctl/x509/$ns-chain.pem"; [ ! -f "$W/pki/mid.pem" ] || cp "$W/pki/mid.pem" "$d/swanctl/x509ca/"; fi
	cat > "$d/strongswan.conf" <<-X
	charon-systemd {
	  load = $SWAN_PLUGINS
	  retransmit_timeout = ${SWAN_RETRANSMIT:-2.0}
	  retransmit_tries = ${SWAN_TRIES:-3}
	  ${SWAN_EXTRA:-}
	  plugins { vici { socket = unix://$d/vici } }
	  journal { default = -1 }
	  filelog { log { path = $d/log
	      default = ${SWAN_LOG:-1}
	      flush_line = yes
	      time_format = %s
	      time_ms = yes } }
	}
	swanctl { load = random nonce x509 constraints pubkey pem pkcs1 pkcs8 openssl
	  socket = unix://$d/vici }
	X
	rm -f "$d/vici"
	STRONGSWAN_CONF=$d/strongswan.conf spawn "$ns" "$d/out" /usr/sbin/charon-systemd
	wait_for 20 test -S "$d/vici" || { nok "strongSwan in $ns"; return 1; }
	swan "$ns" --load-all >"$d/load" 2>&1 || { nok "swanctl --load-all in $ns"; cat "$d/load"; return 1; }; }
swan() { local ns=$1; shift; local d=$W/swan-$ns
	SWANCTL_DIR=$d/swanctl STRONGSWAN_CONF=$d/strongswan.conf timeout "${SWAN_PATIENCE:-40}" ip netns exec "$ns" swanctl "$@"; }
swan_up() { swan "$1" --initiate --child net --timeout 30; }
swan_down() { swan "$1" --terminate --ike s2s; }
swan_rekey() { if [ "$2" = ike ]; then swan "$1" --rekey --ike s2s; else swan "$1" --rekey --child net; fi; }
swan_ike_id() { swan "$1" --list-sas | sed -n 's/^s2s: .*ESTABLISHED.* \([0-9a-f]*\)_i.*/\1/p'; }
swan_children() { swan "$1" --list-sas 2>/dev/null | grep -c 'INSTALLED'; }

# --- libreswan, with folders of its own for each end ------------------------------
lswan_esp() { case $esp in gcm) echo 'aes_gcm256' ;; cbc) echo 'aes256-sha2_256' ;; cbc512) echo 'aes256-sha2_512' ;; chacha) echo chacha20_poly1305 ;; *) echo "$esp" ;; esac; }
lswan_pfs() { case $esp in gcm) echo dh31 ;; cbc) echo dh14 ;; chacha) echo dh19 ;; esac; }
lswan_ike() { case $ike in gcm) echo 'aes_gcm256-sha2_256;dh31' ;; cbc) echo 'aes256-sha2_256;dh14' ;; ecp) echo 'aes256-sha2_384;dh20' ;;
	chacha) echo 'chacha20_poly1305-sha2_512;dh19' ;; *) echo "$ike" ;; esac; }
lswan_conf() { local r=$R by=secret pfs; pfs=$(lswan_pfs); [ "$r" != any ] || r=%any
	case $auth in rsa) by=rsasig ;; ecdsa) by=ecdsa ;; ed25519) by=eddsa ;; esac
	cat <<-X
	config setup
	  ikev1-policy=drop
	  protostack=xfrm
	  logfile=$W/lswan-$1/log
	  dnssec-enable=no
	  ${LSWAN_SETUP:-}

	conn s2s
	  left=$L
	  leftid=@$LI
	  leftsubnet=$LN
	  right=$r
	  rightid=@$RI
	  rightsubnet=$RN
	  authby=$by
	  ${LSWAN_CERT:-}
	  ikev2=yes
	  ike=${LSWAN_IKE:-$(lswan_ike)}
	  esp=${LSWAN_ESP:-$(lswan_esp)${pfs:+;$pfs}}
	  pfs=yes
	  ikelifetime=$(( ${IKE_REKEY:-14400} + 30 ))s
	  salifetime=$(( ${CHILD_REKEY:-3600} + 30 ))s
	  rekeymargin=30s
	  rekeyfuzz=0%
	  ${LSWAN_CONN:-}
	  auto=add
	X
}
lswan_start() { local ns=$1 d=$W/lswan-$1; mkdir -p "$d/nss" "$d/run" "$d/etc"; rm -f "$d/run/pluto.ctl" "$d/run/pluto.pid"
	if [ ! -f "$d/nss/cert9.db" ]; then certutil -N -d "sql:$d/nss" --empty-password; lswan_import "$ns"; fi >"$d/nss.log" 2>&1
	LSWAN_CERT=''; [ "$auth" = psk ] || LSWAN_CERT="leftcert=$ns
  sendca=issuer
  leftsendcert=always
  rightca=%same"
	lswan_conf "$ns" > "$d/etc/ipsec.conf"
	echo ": PSK \"$PSK\"" > "$d/etc/ipsec.secrets"; chmod 600 "$d/etc/ipsec.secrets"
	spawn "$ns" "$d/out" /usr/libexec/ipsec/pluto --nofork --config "$d/etc/ipsec.conf" --rundir "$d/run" \
		--nssdir "$d/nss" --ipsecdir "$d/etc" --secretsfile "$d/etc/ipsec.secrets" --logfile "$d/log"
	wait_for 20 test -S "$d/run/pluto.ctl" || { nok "pluto in $ns"; return 1; }
	wait_for 20 lswan "$ns" status || { nok "pluto status in $ns"; return 1; }
	lswan "$ns" listen >/dev/null 2>&1; lswan "$ns" rereadsecrets >/dev/null 2>&1
	lswan_add "$ns" >"$d/add" 2>&1 && wait_for 5 bash -c "$(declare -f lswan in_ns); W=$W; lswan $ns status | grep -q '\"s2s\"'" ||
		{ nok "libreswan adds the connection"; cat "$d/add"; return 1; }; }
lswan_import() { [ "$auth" != psk ] || return 0
	local d=$W/lswan-$1
	openssl pkcs12 -export -in "$W/pki/$1.pem" -inkey "$W/pki/$1.key" -name "$1" -passout pass: -out "$d/p12" &&
	pk12util -i "$d/p12" -d "sql:$d/nss" -W '' && certutil -A -n labca -t CT,, -d "sql:$d/nss" -i "$W/pki/ca.pem"
	[ ! -f "$W/pki/mid.pem" ] || certutil -A -n labmid -t CT,, -d "sql:$d/nss" -i "$W/pki/mid.pem"; }
lswan_add() { in_ns "$1" /usr/libexec/ipsec/addconn --config "$W/lswan-$1/etc/ipsec.conf" --ctlsocket "$W/lswan-$1/run/pluto.ctl" s2s; }
lswan() { local ns=$1 c=$2; shift 2; in_ns "$ns" /usr/libexec/ipsec/whack --rundir "$W/lswan-$ns/run" "--$c" "$@"; }
lswan_up() { timeout 30 ip netns exec "$1" /usr/libexec/ipsec/whack --rundir "$W/lswan-$1/run" --name s2s --initiate; }
lswan_down() { lswan "$1" terminate --name s2s; }
lswan_rekey() { local w=rekey-child; /usr/libexec/ipsec/whack --help 2>&1 | grep -q -- --rekey-child || w=rekey-ipsec
	[ "$2" = ike ] && w=rekey-ike; timeout 30 ip netns exec "$1" /usr/libexec/ipsec/whack --rundir "$W/lswan-$1/run" --name s2s "--$w"; }
lswan_ike_id() { lswan "$1" status | sed -n 's/.*#\([0-9]*\): .*(established IKE SA).*/\1/p'; }
lswan_children() { lswan "$1" trafficstatus 2>/dev/null | grep -c '"s2s"'; }

# --- OpenIKED: one per guest uses /etc/iked; a second gets its own by /etc/netns --------
iked_esp() { case $esp in gcm) echo 'enc aes-256-gcm group curve25519 noesn' ;; cbc) echo 'enc aes-256 auth hmac-sha2-256 group modp2048 noesn' ;;
	cbc512) echo 'enc aes-256 auth hmac-sha2-512 noesn' ;; chacha) echo 'enc chacha20-poly1305 group ecp256 noesn' ;; *) echo "$esp" ;; esac; }
iked_ike() { case $ike in gcm) echo 'enc aes-256-gcm prf hmac-sha2-256 group curve25519' ;; cbc) echo 'auth hmac-sha2-256 enc aes-256 prf hmac-sha2-256 group modp2048' ;;
	ecp) echo 'auth hmac-sha2-384 enc aes-256 prf hmac-sha2-384 group ecp384' ;; chacha) echo 'enc chacha20-poly1305 prf hmac-sha2-512 group ecp256' ;; *) echo "$ike" ;; esac; }
iked_conf() { local how=passive by ts='' i ln rn
	[ "$1" = ga ] && how=active; [ -z "${IKED_HOW:-}" ] || how=$IKED_HOW
	case $auth in psk) by="psk \"$PSK\"" ;; rsa) by="rsa" ;; ecdsa) by=ecdsa256 ;; *) by=rfc7427 ;; esac
	IFS=, read -ra ln <<< "$LN"; IFS=, read -ra rn <<< "$RN"
	for i in "${!ln[@]}"; do ts="$ts from ${ln[$i]} to ${rn[$i]}"; done
	cat <<-X
	${IKED_SET:-}
	ikev2 "s2s" $how esp $ts local $L peer $R \\
		ikesa ${IKED_IKE:-$(iked_ike)} \\
		childsa ${IKED_ESP:-$(iked_esp)} \\
		srcid $LI dstid $RI ${IKED_LIFE:-${IKE_REKEY:+ikelifetime $IKE_REKEY}} ${CHILD_REKEY:+lifetime $CHILD_REKEY} $by
	X
}
iked_start() { local ns=$1 d=$W/iked-$1 e=/etc/iked
	mkdir -p "$d"; rm -f "$d/sock"
	if [ "$(kind ga)" = iked ] && [ "$(kind gb)" = iked ]; then mkdir -p "/etc/netns/$ns"; [ -d "/etc/netns/$ns/iked" ] || cp -r /etc/iked "/etc/netns/$ns/iked"; e=/etc/netns/$ns/iked; fi
	if [ "$auth" != psk ]; then cp "$W/pki/ca.pem" $e/ca/; cp "$W/pki/$ns.pem" $e/certs/; cp "$W/pki/$ns.key" $e/private/local.key
		[ ! -f "$W/pki/mid.pem" ] || cp "$W/pki/mid.pem" $e/ca/
		openssl pkey -in "$W/pki/$ns.key" -pubout -out $e/local.pub; chmod 600 $e/private/local.key; fi
	iked_conf "$ns" > "$d/iked.conf"; chmod 600 "$d/iked.conf"
	spawn "$ns" "$d/log" /opt/openiked/usr/sbin/iked -d ${IKED_ARGS:--vv} -f "$d/iked.conf" -s "$d/sock"
	wait_for 20 test -S "$d/sock" && sleep 0.5 && end_alive "$ns" || { nok "iked in $ns"; return 1; }; }
iked() { local ns=$1; shift; in_ns "$ns" /opt/openiked/usr/sbin/ikectl -s "$W/iked-$ns/sock" "$@"; }
iked_up() { # an active policy starts by itself, once
	# again: what it still holds is dropped first, else a reload changes nothing
	[ ! -f "$W/iked-$1/began" ] || { iked "$1" reset sa; iked "$1" reload; }; : > "$W/iked-$1/began"; wait_for 20 has_children "$1"; }
iked_ike_id() { iked "$1" show sa | sed -n 's/^iked_sas: .* rspi \(0x[0-9a-f]*\) .*ESTABLISHED.*/\1/p'; }
iked_down() { sides "$1"; iked "$1" reset id "FQDN/$RI"; }
iked_rekey() { # its control program has no order to rekey: the kernel says that the soft lifetime is over; of an IKE SA only iked itself knows it
	[ "$2" = child ] || { echo "OpenIKED has no order to rekey an IKE SA; it obeys ikelifetime"; return 1; }
	local to=$B; [ "$1" = gb ] || to=$A
	in_ns "$1" "$LABBIN/lab_expire" "$to" "$(ip -n "$1" xfrm state | awk -v to="$to" '/^src/ { on = $4 == to } on && $1 == "proto" { print $4; exit }')"; }
iked_children() { states "$1"; }

# --- traffic and proofs ---------------------------------------------------------
pings() { in_ns "$1" ping -n -c "${3:-3}" -i 0.2 -W 2 "$2"; }
crosses() { # pings both ways, in both families where both are inside
	check "ha pings hb" pings ha "$HB"; check "hb pings ha" pings hb "$HA"
	if [ "$inner" = 46 ]; then check "ha pings hb in IPv6" pings ha fd02::2; check "hb pings ha in IPv6" pings hb fd01::2; fi; }
bulk() { # bulk FROM TO ADDRESS: two seconds of TCP through the tunnel, with what it carried
	local v; in_ns "$2" iperf3 -s -1 -D -I "$W/iperf-$2.pid" >/dev/null 2>&1
	wait_for 10 bash -c "ip netns exec $2 ss -Hltn | grep -q 5201" || return 1
	v=$(in_ns "$1" timeout 30 iperf3 -c "$3" -t 2 -f m 2>&1 | awk '/receiver/ {for (i = 1; i <= NF; i++) if ($i ~ /bits\/sec/) print $(i-1)}' | tail -n 1)
	note "iperf3 $1 to $2: ${v:-no} Mbit/s"; awk -v v="${v:-0}" 'BEGIN {exit !(v > 0)}'; }
# IKE messages by what their header says (RFC 7296 3.1), IPv4 outside, with and without the non-ESP marker
ike_filter() { # ike_filter EXCHANGE|any [NEXT_PAYLOAD]
	local e=$1 n=${2:-} a='' b=''
	[ "$e" = any ] || { a=" and udp[26] = $e" b=" and udp[30] = $e"; }
	[ -z "$n" ] || { a="$a and udp[24] = $n" b="$b and udp[28] = $n"; }
	echo "(udp port 500 and udp[25] = 0x20$a) or (udp port 4500 and udp[8:4] = 0 and udp[29] = 0x20$b)"; }
# Requests of CREATE_CHILD_SA, by captures at either side of the router between (capture_rekeys before), a line each: which end's,
# the SPIs of its IKE SA, its message ID, when it left, when it came (0: not yet). Sent again, it is the same request. IPv4.
capture_rekeys() { capture inet neta "$W/rekeys-ga.pcap" "$(ike_filter 36)" && capture inet netb "$W/rekeys-gb.pcap" "$(ike_filter 36)"; }
rekeys_seen() {
	local e
	for e in ga gb; do tcpdump -nr "$W/rekeys-$e.pcap" -tt -x 2>/dev/null | sed "s/^/$e /"; done | awk -v a="$A_SEEN." '
	function done(  ike, key) {
		ike = substr(hex, 57); if (ike ~ /^00000000/) ike = substr(ike, 9) # IP 20, UDP 8, and the non-ESP marker where there is one
		if (hex == "" || substr(ike, 39, 1) != "0") return # an answer
		key = from " " substr(ike, 1, 16) ":" substr(ike, 17, 16) " " substr(ike, 41, 8)
		if (side == from) { if (!(key in left)) left[key] = at } else if (!(key in came)) came[key] = at }
	$2 ~ /^0x/ { for (i = 3; i <= NF; i++) hex = hex $i; next }
	{ done(); hex = ""; side = $1; at = $2; from = index($4, a) == 1 ? "ga" : "gb" }
	END { done(); for (key in left) print key, left[key], (key in came) ? came[key] : 0 }'; }
# How many of ga's requests were on their way at the same time as one of gb's for the same IKE SA: each had left before the other came.
crossings() {
	rekeys_seen | awk '
	$1 == "ga" { n++; spis[n] = $2; left[n] = $4; came[n] = $5 }
	$1 == "gb" { m++; spis_b[m] = $2; left_b[m] = $4; came_b[m] = $5 }
	END { for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
			if (spis[i] == spis_b[j] && came[i] && came_b[j] && left[i] <= came_b[j] && left_b[j] <= came[i]) { x++; break }
		print x + 0 }'; }
clear_filter='net 10.0.0.0/8 or net fd00::/8'
prove_esp() { # prove_esp PCAP [esp|udpencap]: what crossed the internet side
	local f=$1 kind=${2:-$KIND} e c x=esp
	# UDP-encapsulated ESP: port 4500, no non-ESP marker (4 zero octets), no keepalive
	[ "$kind" = udpencap ] && x='udp port 4500 and udp[8:4] != 0 and udp[4:2] > 9'
	sleep 0.3; e=$(count "$f" "$x"); c=$(count "$f" "$clear_filter")
	note "$kind packets on the wire: $e; clear ones: $c"
	check "only $kind crosses the internet" test "$e" -ge "${3:-6}" -a "$c" -eq 0; }
# What the kernel of a gateway dropped for want of a state or a policy, or by a replay window
dropped() { in_ns "$1" cat /proc/net/xfrm_stat 2>/dev/null | awk '{ n += $2 } END { print n + 0 }'; }
stream_start() { # stream_start NS TO [SECONDS]: 50 packets a second, to be judged by stream_stop
	OUR_DROPS=$(dropped "$OUR") THEIR_DROPS=$(dropped "$THEIR")
	ip -n "$OUR" -ts xfrm monitor SA >"$W/monitor" 2>/dev/null & PIDS+=($!)
	ip netns exec "$1" ping -n -i 0.02 -c $(( ${3:-60} * 50 )) "$2" >"$W/stream" 2>&1 & STREAM=$!; PIDS+=($!); sleep 0.3; }
stream_stop() { # ends it; prints sent and lost
	sleep 0.5; kill -INT "$STREAM"; wait "$STREAM" 2>/dev/null
	STREAM_SENT=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$W/stream")
	STREAM_LOST=$(( STREAM_SENT - $(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$W/stream") ))
	# the last one may still have been on its way
	[ "$STREAM_LOST" != 1 ] || grep -q "icmp_seq=$STREAM_SENT " "$W/stream" || STREAM_LOST=0
	OUR_DROPS=$(( $(dropped "$OUR") - OUR_DROPS )) THEIR_DROPS=$(( $(dropped "$THEIR") - THEIR_DROPS ))
	note "stream: $STREAM_SENT sent, $STREAM_LOST lost; dropped by our kernel: $OUR_DROPS, by the peer's: $THEIR_DROPS"; }
# Packets under an SA that our kernel did not have yet: a peer that answers our rekey and sends on the new SA at once can be ahead
# of the answer's reader; nobody could have had the keys earlier (RFC 7296 2.8).
early() {
	tcpdump -nr "$W/inet.pcap" esp 2>/dev/null | awk -v to="$(if [ "$OUR" = ga ]; then echo "$A"; else echo "$B"; fi)" '
	FNR == NR { if (/^\[/) { at = substr($1, 13, 15); sub(/\]$/, "", at); gone = /Deleted/ } else if ($1 == "proto" && !gone && !($4 in t)) t[$4] = at; next }
	$5 == to ":" { spi = $6; sub(/.*spi=/, "", spi); sub(/,.*/, "", spi); if (spi in t && $1 < t[spi]) n++ }
	END { print n + 0 }' "$W/monitor" -; }
# No packet was lost; or each that was, was dropped at the peer's end after it had left ours, or came before its SA could be ours.
lost_none() {
	[ "$STREAM_SENT" -gt 0 ] || return 1
	[ "$STREAM_LOST" != 0 ] || return 0
	local e=0; [ "$us" != "$peer" ] || return 1
	e=$(early); echo "early: $e"
	[ "$OUR_DROPS" -le "$e" ] && [ $((THEIR_DROPS + e)) -ge "$STREAM_LOST" ]; }

# --- numbered packets both ways (lab_stream), and the daemon's own processes -----------
LABBIN=${LABBIN:-${BIN%/charon-lite/charon-lite}/tests/lab}
streams_start() { # streams_start PER_SECOND: ha and hb to each other
	ip netns exec ha "$LABBIN/lab_stream" "$HA" "$HB" "$1" "$W/stream-ha" >"$W/silences-ha" 2>&1 & STREAM_HA=$!
	ip netns exec hb "$LABBIN/lab_stream" "$HB" "$HA" "$1" "$W/stream-hb" >"$W/silences-hb" 2>&1 & STREAM_HB=$!
	PIDS+=($STREAM_HA $STREAM_HB)
	wait_for 10 test -s "$W/stream-ha" -a -s "$W/stream-hb" || { nok "the streams begin"; return 1; }
	streams_anew; }
streams_anew() { kill -USR1 "$STREAM_HA" "$STREAM_HB"; } # the longest silence is counted from here
# What a line of a stream says: stream_of ha|hb sent|received|twice|late|silent|last
stream_of() { awk -v k="$2" '{ for (i = 1; i < NF; i += 2) if ($i == k) printf "%d\n", $(i + 1) }' "$W/stream-$1"; }
streams_stop() { # STREAM_LOST, STREAM_TWICE, STREAM_TEXT
	kill -INT "$STREAM_HA" "$STREAM_HB"; wait "$STREAM_HA" "$STREAM_HB" 2>/dev/null
	local sa sb ra rb
	sa=$(stream_of ha sent) sb=$(stream_of hb sent) ra=$(stream_of ha received) rb=$(stream_of hb received)
	STREAM_LOST=$(( sa - rb + sb - ra )) STREAM_TWICE=$(( $(stream_of ha twice) + $(stream_of hb twice) ))
	STREAM_TEXT="$((sa + sb)) packets sent, $STREAM_LOST lost, $(( $(stream_of ha late) + $(stream_of hb late) )) out of order"
	note "streams: $(cat "$W/stream-ha")"; note "streams: $(cat "$W/stream-hb")"; }
daemon_pid() { # the parent of charon-lite in NS; what was spawned has become it
	ps -eo pid,ppid,args | awk -v c="$W/charon-$1/control" 'index($0, c) && !/awk|charonctl|lab_kill/ { pid[$1] = $2 } END { for (p in pid) if (!(pid[p] in pid)) print p }' | head -n 1; }
