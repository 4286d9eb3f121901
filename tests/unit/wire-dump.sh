#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# wire-dump on captures with known keys (tests/vectors/wire-dump, made by another implementation) and on hex text.
# Usage: wire-dump.sh BUILDDIR; speaks TAP.
set -u
dump=$(realpath "$1")/tools/wire-dump
cd "$(dirname "$0")/../vectors/wire-dump" || exit 1
n=0 bad=0 out='' rc=0
t() { # t NAME STATUS ARGUMENT...: runs wire-dump (standard input passes through)
	name=$1 want=$2; shift 2
	out=$("$dump" "$@" 2>&1); rc=$?
	n=$((n+1))
	if [ $rc = "$want" ]; then echo "ok $n - $name: status $want"
	else bad=1; echo "not ok $n - $name: status $rc, not $want"; echo "$out" | sed 's/^/# /'; fi
}
has() { # has COUNT PATTERN: so many lines of the last output match
	local have; have=$(grep -cE -- "$2" <<<"$out")
	n=$((n+1))
	if [ "$have" = "$1" ]; then echo "ok $n - $name: $2"
	else bad=1; echo "not ok $n - $name: $have lines, not $1, match $2"; echo "$out" | sed 's/^/# /'; fi
}

t 'AES-GCM, Ethernet' 0 --keys keys gcm.pcap
has 1 '^#1 22:13:20\.250000 198\.51\.100\.1:500 > 203\.0\.113\.7:500$'
has 1 '^IKE_SA_INIT request 0 from initiator, SPIs 1111111111111111:0000000000000000'
has 1 '^#3 .*:4500 > .*:4500$'
has 3 'opened with aes256gcm16, ICV right'
has 1 ' IDi .*gw1\.example\.com'
has 1 ' IDr .*gw2\.example\.com'
has 2 ' TSr .*2001:db8::/32\[tcp/22\]'
has 1 '^  Notify INITIAL_CONTACT$'
has 1 '908 bytes and 7 of padding'
has 1 '2 ESP, 1 keepalives, 1 others'

t 'no keys' 0 gcm.pcap
has 0 'opened'
has 1 'sealed payloads without keys: 3'

t 'AES-CBC and HMAC, pcapng, IPv6' 0 --keys keys cbc.pcapng
has 3 'opened with aes256 and sha256, ICV right'
has 1 '^#2 22:13:21\.250000 \[2001:db8::1\]:500 > \[2001:db8::2\]:500$'
has 1 ' CERT encoding 4 .*700 bytes'

t 'ChaCha20, other byte order, nanoseconds' 0 --keys keys chacha.pcap
has 1 '^#1 22:13:20\.250000 '
has 1 'opened with chacha20poly1305, ICV right'
has 1 ' AUTH method 2 \(PSK\), 32 bytes 0304'

t 'fragments in any order, one twice' 0 --keys keys fragments.pcap
has 5 'SKF fragment [1-4] of 4'
has 1 'all 4 fragments are here, 908 bytes'
has 1 ' CERT encoding 4 .*700 bytes'
t 'fragments, AES-CBC' 0 --keys keys fragments-cbc.pcap
has 3 'opened with aes256 and sha256'
has 1 'all 3 fragments are here, 908 bytes'
t 'a fragment is missing' 1 --keys keys fragment-missing.pcap
has 1 'lack fragments: 1'

t 'a bit is flipped' 1 --keys keys flipped.pcap
has 2 'error at byte 28, payload 46 \(SK\): the ICV is wrong'
has 0 'opened with'
t 'a bit is flipped, quiet' 1 --quiet --keys keys flipped.pcap
has 0 '^IKE_AUTH'
has 2 '^#[12] .*198\.51\.100\.1'
t 'bad padding' 1 --keys keys bad-padding.pcap
has 1 'error at byte 28, .*: 9 bytes of padding in 4 bytes'
t 'malformed inside' 1 --keys keys bad-inside.pcap
has 1 'error at byte 40, payload 41 \(Notify\): 3 bytes left'
t 'IP fragments' 1 ip-fragment.pcap
has 1 'packet 1: IP fragments are not put together'

# what real peers said: strongSwan 6.0 with itself, libreswan 5.2, OpenIKED 7.4
t 'strongSwan' 0 --keys real.keys real-strongswan.pcap
has 12 'opened with aes256gcm16, ICV right'
has 2 '^CREATE_CHILD_SA request'
has 2 ' Delete, IKE'
t 'strongSwan, fragments, AES-CBC' 0 --keys real.keys real-strongswan-fragments.pcap
has 16 'opened with aes256 and sha256, ICV right'
has 4 'all 2 fragments are here'
t 'strongSwan, ChaCha20' 0 --keys real.keys real-strongswan-chacha.pcap
has 10 'opened with chacha20poly1305, ICV right'
t 'libreswan, either way' 0 --keys real.keys real-libreswan.pcap
has 16 'opened with aes256gcm16, ICV right'
has 1 'INVALID_KE_PAYLOAD, group 31'
t 'OpenIKED' 0 --keys real.keys real-openiked.pcap
has 12 'opened with aes256gcm16, ICV right'
has 1 'OpenIKED-7\.4'

gcm() { # gcm WORD: its value in the keys file
	sed -n "s/^spi_i=1111.* $1=\([0-9a-z]*\).*/\1/p" keys
}
t 'keys as options' 0 --spi 1111111111111111:2222222222222222 --encr aes256gcm16 --sk-ei "$(gcm sk_ei)" --sk-er "$(gcm sk_er)" gcm.pcap
has 3 'ICV right'
t 'the wrong keys' 1 --spi 1111111111111111:2222222222222222 --encr aes256gcm16 --sk-ei "$(gcm sk_er)" --sk-er "$(gcm sk_ei)" gcm.pcap
has 3 'the ICV is wrong'
t 'a short key' 2 --spi 1111111111111111:2222222222222222 --encr aes256gcm16 --sk-ei 00 --sk-er 00 gcm.pcap
has 1 'sk_ei has 1 bytes, not 36'
t 'no cipher of that name' 2 --spi 1111111111111111:2222222222222222 --encr rot13 gcm.pcap
t 'half an SPI' 2 --spi 1111111111111111 gcm.pcap
t 'unknown option' 2 --no-such-option
t 'a bad keys file' 2 --keys bad-inside.pcap gcm.pcap
t 'no such file' 1 no-such-file
has 1 '^wire-dump: no-such-file: no such file, and not hex at offset 0$'
t 'no such path' 1 /nonexistent
has 1 '^wire-dump: /nonexistent: no such file$'
t 'hex up to a point' 1 0011zz
has 1 'not hex at offset 4$'
t 'nothing as an argument' 1 ''
has 1 'an empty argument'
t 'a folder' 1 /
has 1 'cannot be read: Is a directory'
t 'one byte' 1 00
has 1 'error at byte 0: too short for an IKE header: 1 of 28 bytes$'
t 'help' 0 --help
has 1 'spi_i=HEX16 spi_r=HEX16 encr=ALG \[integ=ALG\] sk_ei=HEX sk_er=HEX'

# hex, as people have it
delete=1111111111111111222222222222222200202508000000020000001c
t 'hex as an argument' 0 "$delete"
has 1 '^INFORMATIONAL request 2 from initiator, .* 28 bytes$'
t 'hex with the marker' 0 "00000000 $delete"
has 1 '^INFORMATIONAL request 2'
t 'two messages and a comment' 0 - <<<"# first
${delete:0:20}
  ${delete:20}

0x$delete"
has 2 '^INFORMATIONAL request 2'
t 'hex with commas and 0x' 0 - <<<"$(sed 's/../0x&, /g' <<<"$delete")"
has 1 '^INFORMATIONAL request 2'
xxd='00000000: 1111 1111 1111 1111 2222 2222 2222 2222  ........""""""""
00000010: 0020 2508 0000 0002 0000 001c            . %.........'
t 'xxd' 0 - <<<"$xxd"
has 1 '^INFORMATIONAL request 2'
hexdump='00000000  11 11 11 11 11 11 11 11  22 22 22 22 22 22 22 22  |........""""""""|
00000010  00 20 25 08 00 00 00 02  00 00 00 1c              |. %.........|
0000001c'
t 'hexdump -C' 0 - <<<"$hexdump"
has 1 '^INFORMATIONAL request 2'
tcpdump='12:00:00.000000 IP 192.0.2.1.4500 > 192.0.2.2.4500: NONESP-encap: isakmp: parent_sa inf2
	0x0000:  4500 003c 0001 0000 4011 0000 c000 0201  E..<....@.......
	0x0010:  c000 0202 1194 1194 0028 0000 0000 0000  .........(......
	0x0020:  1111 1111 1111 1111 2222 2222 2222 2222  ........""""""""
	0x0030:  0020 2508 0000 0002 0000 001c            . %.........
12:00:01.000000 IP 192.0.2.1.4500 > 192.0.2.2.4500: isakmp-nat-keep-alive
	0x0000:  4500 001d 0001 0000 4011 0000 c000 0201
	0x0010:  c000 0202 1194 1194 0009 0000 ff'
t 'tcpdump -X' 0 - <<<"$tcpdump"
has 1 '^#1 192\.0\.2\.1:4500 > 192\.0\.2\.2:4500$'
has 1 '^INFORMATIONAL request 2'
has 1 '0 ESP, 1 keepalives, 0 others'
t 'malformed hex message' 1 "${delete:0:40}"
has 1 'error at byte 0: too short for an IKE header: 20 of 28 bytes'
t 'an impossible payload' 1 "${delete:0:32}2920250800000002000000240000000c03041122"
has 1 'error at byte 30, payload 41 \(Notify\): payload length 12, but 8 bytes are left'
t 'not hex' 1 - <<<"${delete:0:9}z0"
has 1 'line 1, column 9: not a byte in hex'
t 'nothing' 1 - </dev/null
t 'neither' 1 keys
has 3 'keys: line [0-9]+, column 1: not a byte in hex'
for cut in 3 10 23 30 39 59 100 400; do # the capture itself is cut: an error, never a crash
	for f in gcm.pcap cbc.pcapng; do
		head -c $cut $f > "${TMPDIR:-/tmp}/wire-dump.$$"
		t "$f cut after $cut bytes" 1 "${TMPDIR:-/tmp}/wire-dump.$$"
	done
done
rm -f "${TMPDIR:-/tmp}/wire-dump.$$"
echo "1..$n"
exit $bad
