#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The load generator against the daemon (which touches no kernel here), in two network namespaces of their own.
# Usage: charon-bench.sh BUILDDIR; speaks TAP. CHARON_BENCH_PEERS: how many establish at a time (200).
set -u
if [ -z "${CHARON_BENCH_INSIDE-}" ]; then
	for with in -n -rn; do
		if unshare $with true 2>/dev/null; then CHARON_BENCH_INSIDE=yes exec unshare $with "$0" "$@"; fi
	done
	echo "no network namespace can be made here"; exit 77
fi
build=$(realpath "$1") peers=${CHARON_BENCH_PEERS:-200}
d=$(mktemp -d) pids=()
trap 'for p in ${pids[@]+"${pids[@]}"}; do kill -9 "$p" 2>/dev/null; done; wait; rm -rf "$d"' EXIT
cd "$d" || exit 1
secret=$(head -c 32 /dev/urandom | base64)
unshare -n sleep 1000 & pids+=($!)
there() { nsenter -t "${pids[0]}" -n "$@"; }
for i in $(seq 50); do # until that one has its namespace
	[ "$(readlink /proc/self/ns/net)" = "$(readlink "/proc/${pids[0]}/ns/net")" ] || break
	sleep 0.1
done
{ ip link add g type veth peer name r netns "${pids[0]}" && ip addr add 192.0.2.2/24 dev g && ip link set g up && ip link set lo up &&
	ip route add local 10.0.0.0/8 dev lo && there ip link set lo up && there ip addr add 192.0.2.1/24 dev r && there ip link set r up &&
	there ip route add 10.0.0.0/8 via 192.0.2.2; } || { echo "the namespaces cannot be joined"; exit 77; }

n=0 bad=0
ok() { # ok NAME COMMAND...
	local name=$1; shift; n=$((n+1))
	if "$@"; then echo "ok $n - $name"; else bad=1; echo "not ok $n - $name"; { cat out json; tail -n 12 daemon.log; } 2>/dev/null | sed 's/^/# /'; fi
}
bench() { rm -f json; "$build/tests/bench/charon-bench" "$@" --remote 192.0.2.1 --quiet --json json >out 2>&1; }
value() { sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" json | head -n 1; }
is() { [ "$(value "$1")" = "$2" ] || { echo "$1 is $(value "$1"), not $2" >> out; return 1; }; }

# --- the responder -----------------------------------------------------------
(umask 077; echo "$secret" > psk; mkdir state)
key() { (umask 077; openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>/dev/null); }
key ca.key; openssl req -x509 -new -key ca.key -subj '/CN=root' -days 30 -out ca.pem 2>/dev/null
key hub.key; key peer.key
openssl req -new -key hub.key -subj '/CN=hub' 2>/dev/null | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
	-out hub.pem -extfile <(echo 'subjectAltName = DNS:hub.example.com') 2>/dev/null
daemon() { # daemon COOKIE_THRESHOLD LOCAL REMOTE: begun anew
	cat > hub.yaml <<-END
		daemon: { control_socket: $d/control, limits: { half_open_per_source: 100000, ike_sas_per_peer: 1000, cookie_threshold: $1 }, log: warning }
		connections:
		  hub:
		    local: { address: 192.0.2.1$2 }
		    remote: { address: any$3 }
		    ike: { proposals: [aes256gcm16-prfsha256-x25519, aes256gcm16-prfsha256-ecp256, aes256gcm16-prfsha256-modp2048] }
		    children: { net: { local: [198.51.100.0/24], remote: [172.16.0.0/12], esp: [aes256gcm16-x25519, aes256gcm16] } }
	END
	[ ${#pids[@]} = 1 ] || { kill -9 "${pids[1]}"; wait "${pids[1]}" 2>/dev/null; rm -f control; } # politely it would wait for its peers, which are gone
	nsenter -t "${pids[0]}" -n "$build/charon-lite/charon-lite" --one-process --dry-run --state state -c hub.yaml >daemon.log 2>&1 & pids[1]=$!
	for i in $(seq 100); do [ -S control ] && return; sleep 0.1; done
}
psk=", psk: \"file:$d/psk\""
daemon 1000000 "$psk" "$psk"

# --- establish ---------------------------------------------------------------
ok "$peers peers, each an address" bench establish --local 10.1.0.1/16 --peers "$peers" --each-address --psk "$secret"
ok "established" is established "$peers"
ok "in two round trips" is round_trips 2.0
ok "$peers peers, each an identity" bench establish --local 192.0.2.2 --peers "$peers" --each-identity --psk "$secret" --ke ecp256
ok "20 at a rate, modp2048, held" bench hold --local 10.2.0.1/16 --peers 20 --each-address --psk "$secret" --ke modp2048 --rate 40 --hold 1
ok "all are still up" is up_at_end 20
ok "half-open" bench establish --half-open --local 10.3.0.1/16 --peers 50 --each-address --psk "$secret"
ok "in one round trip" is round_trips 1.0
bench establish --local 10.4.0.1/16 --peers 3 --each-address --psk "not $secret"
ok "a wrong key: status 1" [ $? = 1 ]
ok "none established" is established 0
ok "the peer's answer is the reason" grep -q '"the peer answered AUTHENTICATION_FAILED.*": 3' json
for what in ike child child-pfs; do
	ok "rekey $what" bench rekey --what $what --times 2 --local 10.5.0.1/16 --peers 50 --each-address --each-identity --psk "$secret"
	ok "all rekeyed" is rekeyed 100
done

# --- certificates, cookies ---------------------------------------------------
daemon 0 "$psk" "$psk"
ok "with cookies" bench establish --local 10.6.0.1/16 --peers 50 --each-address --psk "$secret"
ok "in three round trips" is round_trips 3.0
ok "flood" bench flood --spoof 10.0.0.0/8 --count 500 --rate 5000
ok "a cookie for each" is cookie_replies 500
ok "flood with cookies" bench flood --spoof 10.0.0.0/8 --count 200 --rate 2000 --cookies
ok "all taken" is full_responses 200
daemon 1000000 ", cert: $d/hub.pem, key: $d/hub.key, id: hub.example.com" ", ca: $d/ca.pem"
ok "a certificate for each" bench establish --local 10.7.0.1/16 --peers 50 --each-address --each-identity --auth ecdsa256 \
	--key peer.key --ca ca.pem --ca-key ca.key --remote-id hub.example.com
ok "established" is established 50
openssl req -new -key peer.key -subj '/CN=peer' 2>/dev/null | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
	-out peer.pem -extfile <(echo 'subjectAltName = DNS:peer.example.com') 2>/dev/null
ok "one certificate for all" bench rekey --what child --local 10.8.0.1/16 --peers 50 --each-address --local-id peer.example.com --auth ecdsa256 \
	--key peer.key --ca ca.pem --cert peer.pem --remote-id hub.example.com
ok "and none closes another" is rekeyed 50

echo "1..$n"
exit $bad
