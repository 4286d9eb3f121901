# SPDX-License-Identifier: Apache-2.0
# Sourced by run: each daemon as a responder behind one face. KIND_conf writes its configuration from the variables below, KIND_start
# starts it, KIND_version names it. All speak aes256gcm16-prfsha256-GROUP and aes256gcm16 (OpenIKED has no AES-GCM for Linux's ESP:
# aes256-sha512), log nothing that they can be kept from
# logging, and have their limits on strangers out of the way, except where the limits are the case.
AUTH=psk KE=x25519 COOKIES=no PFS=no CONNECTIONS=1 # CONNECTIONS > 1: so many peers with addresses, for loading
ENVS=() LOADED_US=0
KINDS="ours one swan lswan iked"
PSK=charon-bench-preshared-key-0123456789abcdef
dir() { echo "/bench/$WHO-$DEB"; }           # as the daemon sees it
here() { echo "$W/shared/$WHO-$DEB"; }       # and we
end_open() { # end_open KIND DEBIAN: started and loaded; what was wrong is in $W/shared/KIND.*
	WHO=$1 DEB=$2 ENVS=() LOADED_US=0
	rm -rf "$(here)"; mkdir -p "$(here)"
	[ "$AUTH" = psk ] || pki
	"$1_conf" > "$(here)/conf" && "$1_start" && return 0
	note "$1 does not start in Debian $2: $(cat "$W/shared/$1.load" "$W/shared/$1.out" 2>/dev/null | tail -n 1)"
	stop; return 1; }
when() { # when SECONDS COMMAND...: polled as fast as it goes, from the generator's CPU
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] && kill -0 "$PID" 2>/dev/null || return 1; done; }
each_peer() { # each_peer TEXT: for each of CONNECTIONS, with @i its number, @a its address, @n its network
	awk -v n="$CONNECTIONS" -v text="$1" 'BEGIN { for (i = 1; i <= n; i++) {
		a = int(i / 65536) "." int(i / 256) % 256 "." i % 256; m = 16 + int(i / 65536) "." int(i / 256) % 256 "." i % 256
		s = text; gsub(/@i/, i, s); gsub(/@a/, "10." a, s); gsub(/@n/, "172." m "/32", s); print s } }'; }
fixed() { [ "$CONNECTIONS" -gt 1 ] || [ "${FIXED:-no}" = yes ]; }

pki() { # one root, a certificate for the responder; charon-bench makes those of the peers, for one key
	local d=$W/shared/pki-$AUTH n; [ ! -d "$d" ] || return 0
	mkdir -p "$d"
	for n in ca gw peer; do
		if [ "$AUTH" = rsa2048 ]; then openssl genrsa -out "$d/$n.key" 2048; else openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$d/$n.key"; fi
		openssl req -new -key "$d/$n.key" -subj "/O=Bench/CN=$n.bench" -out "$d/$n.csr"
		if [ $n = ca ]; then printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' > "$d/ext"
			openssl x509 -req -in "$d/ca.csr" -days 30 -extfile "$d/ext" -signkey "$d/ca.key" -out "$d/ca.pem"
		else printf 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:%s.bench\n' $n > "$d/ext"
			openssl x509 -req -in "$d/$n.csr" -days 30 -extfile "$d/ext" -CA "$d/ca.pem" -CAkey "$d/ca.key" -CAcreateserial -out "$d/$n.pem"; fi
	done >/dev/null 2>"$d/log"; chmod 600 "$d"/*.key; }
generator_auth() { # the options of charon-bench that go with it
	local d=$W/shared/pki-$AUTH
	[ "$WHO" != iked ] || echo "--esp aes256-sha512 --inner 172.16.0.0/12 --inner-whole"
	if [ "$AUTH" = psk ]; then echo "--auth psk --psk $PSK"
	else echo "--auth $AUTH --key $d/peer.key --ca $d/ca.pem --ca-key $d/ca.key --each-identity --remote-id gw.bench"; fi; }

# --- charon-lite, as it runs and in one process ------------------------------------------------------------------------------------
ours_conf() {
	local d; d=$(dir)
	echo "$PSK" > "$(here)/psk"; chmod 600 "$(here)/psk"
	cat <<-X
	daemon:
	  log: error
	  limits: { half_open: 1000000, half_open_per_source: 1000000, ike_sas: ${IKE_SAS:-100000}, ike_sas_per_peer: 1000000,
	            cookie_threshold: $(if [ $COOKIES = yes ]; then echo 0; else echo 1000000; fi) }
	defaults:
	  keep: answer
	  ike: { proposals: [aes256gcm16-prfsha256-$KE], rekey: never, liveness: never }
	  child: { esp: [aes256gcm16$([ $PFS = no ] || echo ", aes256gcm16-$KE")], pfs: $([ $PFS = yes ] && echo auto || echo off), rekey: never }
	connections:
	X
	if fixed; then
		each_peer "  p@i: { local: { address: $ADDRESS }, remote: { address: @a }, psk: 'file:psk', local_net: [198.51.100.0/24], remote_net: [@n] }"
	elif [ "$AUTH" = psk ]; then
		echo "  hub: { local: { address: $ADDRESS }, remote: { address: any, psk: 'file:psk' }, psk: 'file:psk', local_net: [198.51.100.0/24], remote_net: [172.16.0.0/12] }"
	else
		cp "$W/shared/pki-$AUTH"/{gw.pem,gw.key,ca.pem} "$(here)/"
		echo "  hub: { local: { address: $ADDRESS, id: gw.bench, cert: gw.pem, key: gw.key }, remote: { address: any, ca: ca.pem }, local_net: [198.51.100.0/24], remote_net: [172.16.0.0/12] }"
	fi; }
ours_start() { cp "$(here)/conf" "$(here)/hub.yaml"
	spawn /build/charon-lite/charon-lite --state "$(dir)/state" -c "$(dir)/hub.yaml" -s "$(dir)/control"; }
ours_version() { echo "charon-lite"; }
one_conf() { ours_conf; }
one_start() { cp "$(here)/conf" "$(here)/hub.yaml"
	spawn /build/charon-lite/charon-lite --one-process --state "$(dir)/state" -c "$(dir)/hub.yaml" -s "$(dir)/control"; }
one_version() { echo "charon-lite, one process"; }

# --- strongSwan ------------------------------------------------------------------------------------------------------------------------
# Tables sized for many SAs, no limits, no log; the rest is its default (16 threads).
swan_conf() {
	local auth r remote net; mkdir -p "$(here)/swanctl"/{x509,x509ca,private,pubkey,ecdsa,pkcs8}
	if [ "$AUTH" = psk ]; then auth="auth = psk" r="auth = psk"
	else cp "$W/shared/pki-$AUTH/gw.pem" "$(here)/swanctl/x509/"; cp "$W/shared/pki-$AUTH/ca.pem" "$(here)/swanctl/x509ca/"; cp "$W/shared/pki-$AUTH/gw.key" "$(here)/swanctl/private/"
		auth="auth = pubkey
	certs = gw.pem
	id = gw.bench" r="auth = pubkey
	cacerts = ca.pem"; fi
	echo "connections {"
	if fixed; then remote=@a; else remote=%any; fi
	if [ "$CONNECTIONS" -gt 1 ]; then net=@n; else net=172.16.0.0/12; fi
	each_peer "p@i { version = 2
  local_addrs = $ADDRESS
  remote_addrs = $remote
  proposals = aes256gcm16-prfsha256-$KE
  unique = never
  mobike = no
  rekey_time = 0
  local { $auth
  }
  remote { $r
  }
  children { net { local_ts = 198.51.100.0/24
    remote_ts = $net
    esp_proposals = aes256gcm16$([ $PFS = no ] || echo ",aes256gcm16-$KE")
    rekey_time = 0 } } }"
	printf '}\nsecrets { ike-1 { secret = "%s" } }\n' "$PSK"; }
swan_start() { local d; d=$(dir)
	cp "$(here)/conf" "$(here)/swanctl/swanctl.conf"
	cat > "$(here)/strongswan.conf" <<-X
	charon-systemd {
	  load = random nonce x509 constraints pubkey pem pkcs1 pkcs8 openssl kdf kernel-netlink socket-default vici
	  ikesa_table_size = 65536
	  ikesa_table_segments = 16
	  half_open_timeout = 600
	  ikesa_limit = 0
	  init_limit_half_open = 0
	  block_threshold = 0
	  cookie_threshold = $([ $COOKIES = yes ] && echo 1 || echo 0)
	  cookie_threshold_ip = $([ $COOKIES = yes ] && echo 1 || echo 0)
	  dos_protection = $COOKIES
	  plugins { vici { socket = unix://$d/vici } }
	  journal { default = -1 }
	}
	swanctl { load = random nonce x509 constraints pubkey pem pkcs1 pkcs8 openssl
	  socket = unix://$d/vici }
	X
	ENVS=("STRONGSWAN_CONF=$d/strongswan.conf" "SWANCTL_DIR=$d/swanctl")
	spawn /usr/sbin/charon-systemd
	when 10 test -S "$(here)/vici" && load /usr/sbin/swanctl --load-all; }
swan_version() { echo "strongSwan $(awk '/^Package: charon-systemd$/ { p = 1 } p && /^Version: / { sub(/-.*/, "", $2); print $2; exit }' "${TREE[$1]}/var/lib/dpkg/status")"; }

# --- libreswan -------------------------------------------------------------------------------------------------------------------------
# Its log cannot be switched off: it goes to /dev/null. No updown script.
lswan_group() { case $KE in x25519) echo dh31 ;; ecp256) echo dh19 ;; modp2048) echo dh14 ;; esac; }
lswan_conf() {
	local by=secret
	case $AUTH in rsa2048) by=rsasig ;; ecdsa256) by=ecdsa ;; esac
	cat <<-X
	config setup
	  ikev1-policy=drop
	  protostack=xfrm
	  logfile=/dev/null
	  dnssec-enable=no
	  uniqueids=no
	  ddos-mode=$([ $COOKIES = yes ] && echo busy || echo unlimited)
	  ddos-ike-threshold=1000000
	  max-halfopen-ike=1000000

	conn %default
	  left=$ADDRESS
	  leftsubnet=198.51.100.0/24
	  authby=$by
	  ikev2=yes
	  narrowing=yes
	  ike=aes_gcm256-sha2_256;$(lswan_group)
	  esp=aes_gcm256$([ $PFS = no ] || echo ";$(lswan_group)")
	  pfs=$PFS
	  leftupdown=%disabled
	  ikelifetime=24h
	  salifetime=24h
	  $([ "$AUTH" = psk ] || printf 'leftcert=gw\n  leftid=@gw.bench\n  rightid=%%any\n  leftsendcert=always\n  rightca=%%same\n')
	  auto=add

	X
	if fixed; then each_peer 'conn p@i\n  right=@a\n  rightsubnet=@n\n'
	else printf 'conn hub\n  right=%%any\n  %s\n  rightsubnet=172.16.0.0/12\n' "$([ "$AUTH" != psk ] || echo 'rightid=%any')"; fi; }
lswan_start() { local d; d=$(dir)
	mkdir -p "$(here)/nss" "$(here)/run"; cp "$(here)/conf" "$(here)/ipsec.conf"
	echo ": PSK \"$PSK\"" > "$(here)/ipsec.secrets"; chmod 600 "$(here)/ipsec.secrets"
	in_tree "$DEB" certutil -N -d "sql:$d/nss" --empty-password >"$(here)/nss.log" 2>&1 || return 1
	if [ "$AUTH" != psk ]; then
		openssl pkcs12 -export -in "$W/shared/pki-$AUTH/gw.pem" -inkey "$W/shared/pki-$AUTH/gw.key" -name gw -passout pass: -out "$(here)/p12"
		in_tree "$DEB" pk12util -i "$d/p12" -d "sql:$d/nss" -W '' >>"$(here)/nss.log" 2>&1
		in_tree "$DEB" certutil -A -n ca -t CT,, -d "sql:$d/nss" -i "/bench/pki-$AUTH/ca.pem" >>"$(here)/nss.log" 2>&1
	fi
	spawn /usr/libexec/ipsec/pluto --nofork --config "$d/ipsec.conf" --rundir "$d/run" --nssdir "$d/nss" --ipsecdir "$d" \
		--secretsfile "$d/ipsec.secrets" --logfile /dev/null
	when 10 test -S "$(here)/run/pluto.ctl" && load /usr/libexec/ipsec/whack --rundir "$d/run" --listen &&
		load /usr/libexec/ipsec/addconn --config "$d/ipsec.conf" --ctlsocket "$d/run/pluto.ctl" --autoall; }
lswan_version() { echo "libreswan $(sed 's/-.*//' "${TREE[$1]}/opt/libreswan/version")"; }

# --- OpenIKED --------------------------------------------------------------------------------------------------------------------------
iked_group() { case $KE in x25519) echo curve25519 ;; *) echo "$KE" ;; esac; }
iked_conf() {
	local by what
	case $AUTH in psk) by="psk \"$PSK\"" ;; rsa2048) by=rfc7427 ;; *) by=ecdsa256 ;; esac
	echo "set nomobike"
	if [ "$CONNECTIONS" -gt 1 ]; then what="p@i passive esp from 198.51.100.0/24 to @n local $ADDRESS peer @a"
	else what="hub passive esp from 198.51.100.0/24 to 172.16.0.0/12 local $ADDRESS peer any"; fi
	each_peer "ikev2 $what ikesa enc aes-256-gcm prf hmac-sha2-256 group $(iked_group) childsa enc aes-256 auth hmac-sha2-512 $([ $PFS = no ] || echo "group $(iked_group)") noesn \
  $([ "$AUTH" = psk ] && echo "srcid $ADDRESS" || echo "srcid gw.bench") ikelifetime 86400 lifetime 86400 ${by//\"/\\\"}"; }
iked_start() { local e=${TREE[$DEB]}/etc/iked
	chmod 600 "$(here)/conf"
	if [ "$AUTH" != psk ]; then cp "$W/shared/pki-$AUTH/ca.pem" "$e/ca/"; cp "$W/shared/pki-$AUTH/gw.pem" "$e/certs/"; cp "$W/shared/pki-$AUTH/gw.key" "$e/private/local.key"
		openssl pkey -in "$e/private/local.key" -pubout -out "$e/local.pub"; chmod 600 "$e/private/local.key"; fi
	spawn XFRM_SHIM_PASSED=1 /opt/openiked/usr/sbin/iked -d -f "$(dir)/conf" -s "$(dir)/sock"
	when 10 test -S "$(here)/sock"; }
iked_version() { echo "OpenIKED $(sed 's/-.*//' "${TREE[$1]}/opt/openiked/version")"; }
