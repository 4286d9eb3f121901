#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# charonctl check and print, on files, secrets and certificates of their own.
# Usage: conf-check.sh BUILDDIR; speaks TAP.
set -u
ctl=$(realpath "$1")/tools/charonctl
top=$(realpath "$(dirname "$0")/../..")
unset SSH_CONNECTION
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
cd "$d" || exit 1
n=0 bad=0 out='' rc=0 name=''
t() { # t NAME STATUS ARGUMENT...: runs charonctl
	name=$1 want=$2; shift 2
	out=$("$ctl" "$@" 2>&1 </dev/null); rc=$?
	n=$((n+1))
	if [ $rc = "$want" ]; then echo "ok $n - $name: status $want"
	else bad=1; echo "not ok $n - $name: status $rc, not $want"; echo "$out" | sed 's/^/# /'; fi
}
has() { # has TEXT: the last output has it
	n=$((n+1))
	if grep -qF -- "$1" <<<"$out"; then echo "ok $n - $name: $1"
	else bad=1; echo "not ok $n - $name: lacks $1"; echo "$out" | sed 's/^/# /'; fi
}
lacks() {
	n=$((n+1))
	if grep -qF -- "$1" <<<"$out"; then bad=1; echo "not ok $n - $name: has $1"; echo "$out" | sed 's/^/# /'
	else echo "ok $n - $name: no $1"; fi
}

# --- the common tunnel -------------------------------------------------------
cp "$top"/tests/vectors/conf/{paris,frankfurt}.yaml .
t 'no secret yet' 1 check paris.yaml
has 'paris.yaml:5:10: error: '
has 'paris.psk'
has "openssl rand -base64 32 > paris.psk && chmod 600 paris.psk"
head -c 32 /dev/urandom | base64 > paris.psk; chmod 644 paris.psk
t 'a secret that others can read' 1 check paris.yaml
has 'paris.yaml:5:10: error: '
chmod 600 paris.psk
t 'five lines' 0 check paris.yaml
has 'good: 1 connection'
t 'print' 0 print paris.yaml
has 'local: ["10.1.0.0/16", "2001:db8:1::/48"]'
"$ctl" print "$d/paris.yaml" > printed.yaml
t 'what was printed' 0 check printed.yaml
n=$((n+1)); if "$ctl" print printed.yaml | cmp -s - printed.yaml; then echo "ok $n - it prints the same again"; else bad=1; echo "not ok $n - it prints the same again"; fi
echo short > paris.psk
t 'a secret that can be guessed' 1 check paris.yaml
has 'paris.yaml:5:10: error: '
{ cat paris.yaml; echo '    legacy: [weak-psk]'; } > weak.yaml
t 'the same, by name' 0 check weak.yaml
has 'weak.yaml:9:13: warning: '
sed 's/file:paris.psk/hunter2/' paris.yaml > written.yaml
t 'a secret in the file' 1 check written.yaml
has 'written.yaml:5:10: error: psk: a secret is named here, never written'
lacks hunter2

# --- certificates ------------------------------------------------------------
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>/dev/null; chmod 600 "$1"; }
key ca.key; openssl req -x509 -new -key ca.key -subj '/O=Example/CN=root' -days 30 -out example-ca.pem 2>/dev/null
key gw1.key
openssl req -new -key gw1.key -subj '/O=Example/CN=gw1' 2>/dev/null |
	openssl x509 -req -CA example-ca.pem -CAkey ca.key -CAcreateserial -days 30 -out gw1-fullchain.pem \
		-extfile <(echo 'subjectAltName = DNS:gw1.example.com') 2>/dev/null
t 'certificates' 0 check frankfurt.yaml
has 'good: 1 connection'
t 'both' 1 check paris.yaml frankfurt.yaml
lacks 'frankfurt.yaml'
lacks 'warning'
cp gw1-fullchain.pem good.pem
leaf() { # leaf EXTENSION
	openssl req -new -key gw1.key -subj '/O=Example/CN=gw1' 2>/dev/null |
		openssl x509 -req -CA example-ca.pem -CAkey ca.key -CAcreateserial -days 30 -out gw1-fullchain.pem \
			-extfile <(printf 'subjectAltName = DNS:gw1.example.com\n%s\n' "$1") 2>/dev/null
}
leaf 'keyUsage = keyCertSign'
t 'a certificate not for signatures' 0 check frankfurt.yaml
has 'frankfurt.yaml:4:65: warning: '
has 'keyUsage lacks digitalSignature'
leaf 'extendedKeyUsage = emailProtection'
t 'a certificate not for IKE' 0 check frankfurt.yaml
has 'extendedKeyUsage has none of ipsecIKE'
leaf 'extendedKeyUsage = serverAuth'
t 'a certificate for servers' 0 check frankfurt.yaml
lacks 'warning'
rm gw1-fullchain.pem
t 'no certificate of ours' 1 check frankfurt.yaml
has 'PEM files'
cp good.pem gw1-fullchain.pem
cp gw1.key good.key; rm gw1.key; key gw1.key
t 'a key that does not fit' 1 check frankfurt.yaml
has 'frankfurt.yaml:4:89: error: '
cp good.key gw1.key
mv example-ca.pem moved.pem
t 'no trust anchor' 1 check frankfurt.yaml
has 'frankfurt.yaml:5:67: error: '
echo nonsense > example-ca.pem
t 'no certificate in it' 1 check frankfurt.yaml
has 'holds no certificate'
mv moved.pem example-ca.pem

# --- files -------------------------------------------------------------------
for text in '' 'connections:' 'daemon: { port: 501 }'; do
	echo "$text" > empty.yaml
	t "\"$text\"" 0 check empty.yaml
	has 'warning: no connection is named, so that nothing is protected'
done
t 'no such file' 1 check nowhere.yaml
has 'nowhere.yaml'
mkdir d; head -c 32 /dev/urandom | base64 > paris.psk
cp frankfurt.yaml d/a.yaml; cp gw1* example-ca.pem d
t 'a folder' 0 check d
echo 'connections: { frankfurt: { remote: any, psk: file:../paris.psk, remote_net: 10.77.0.0/16 } }' > d/b.yaml
t 'one name in two files' 1 check d
has 'd/b.yaml:1:16: error: a connection "frankfurt" stands in d/a.yaml:3 already'
printf 'connections:\n\tx: 1\n' > tab.yaml
t 'a tab' 1 check tab.yaml
has 'tab.yaml:2:1: error: '
has 'this is a tab'
head -c 3000 /dev/urandom > noise.yaml
t 'noise' 1 check noise.yaml
has 'noise.yaml:'
t 'the samples' 0 check "$top/conf.d/README.yaml"

echo "1..$n"
exit $bad
