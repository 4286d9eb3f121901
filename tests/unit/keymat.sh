#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/keymat against keys that another implementation computed (those of test_suite_keymat.c), its errors, and its list.
# Usage: keymat.sh BUILDDIR; speaks TAP.
set -u
keymat=$(realpath "$1")/tools/keymat
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0
t() { # t NAME STATUS EXPECTED-LINE... -- ARGUMENT...: each line is in the output
	local name=$1 want=$2 lines=() out rc line ok=1; shift 2
	while [ "$1" != -- ]; do lines+=("$1"); shift; done; shift
	out=$("$keymat" "$@" 2>&1); rc=$?
	[ $rc = "$want" ] || ok=0
	for line in "${lines[@]}"; do grep -qE -- "$line" <<<"$out" || { ok=0; echo "# missing: $line"; }; done
	n=$((n+1))
	if [ $ok = 1 ]; then echo "ok $n - $name"; else bad=1; echo "not ok $n - $name (status $rc)"; sed 's/^/# /' <<<"$out"; fi
}
ni=101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f
nr=d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef
g=344e2045b94963924a5f9967c81074d86cd151c1ddb0dd104230c0aecbe94567
g2=bbd6d669918a387092eebf02044a3b8d74691112bcfcf574bad01831ef24d1b1
sa=(--g-ir $g --ni $ni --nr $nr --spi-i 0102030405060708 --spi-r a1a2a3a4a5a6a7a8)

t 'AES-GCM, Child SA' 0 \
	'^SKEYSEED +4ce315d4e64030c08d93297eac3817811351b4572247dc82b3d9ab5d53c6419e$' \
	'^SK_d +758ff2d169830210a548b2a79527f0e25195b661ddd7f5cb6301473a917df084$' \
	'^SK_ei +9c56eb1e783309fa39045db1ddf1c3107c5a587c5015eba95404eb56d58f1855cea4bc23$' \
	'^SK_er +2d9900e505fb67bbe1caa8f008b9ae61a84d6e41b358624faec5fe36cfc478a2c0e81c6e$' \
	'^SK_pi +df6d816162bd56267d3b55da380c0c8215ce2bd1c8318c872a43ad01cc9ef128$' \
	'^SK_pr +0fdd67c8bca1cb79bc26a464a1a978d0158d1e9d131bf9b4d5f964e8b2689ce1$' \
	'^KEYMAT_ei +7db2cb5a445bcc25eff59b88a0edda9afa50de40af8288eaa8cf17aa7a1d298d36bf1bc2$' \
	'^KEYMAT_er +40acc59aa8a02f93d6fc2c9346e569a87deac0e9006263ccc69732d9dfd17418ea1aeb80$' \
	-- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --child-encr aes256gcm16
t 'lengths instead of words, PFS' 0 \
	'^SK_ei +9c56eb1e783309fa39045db1ddf1c3107c5a587c5015eba95404eb56d58f1855cea4bc23$' \
	'^KEYMAT_ei +8898e74b110671d52cf5f358498d3678a2ea22fb1dfef9e1d495428e13ed7965a73ea6fc$' \
	'^KEYMAT_er +2609d0f482bda88de84e71c4648471fcd946b5aebc796f8ea70410cd3b750c0b8f9d2c6a$' \
	-- --prf prfsha256 --encr 36 "${sa[@]}" --child-encr 36 --child-g-ir $g2 --child-ni "0x$ni" --child-nr $nr
t 'AES-CBC and HMAC' 0 \
	'^SK_d +e4ef04ec8415f4b7d97d496c56fd81197ede2e1ffec45661929f99aa647b482fa1f7f1c57b5dd1079d8075513d8163a2$' \
	'^SK_ai +4f5bedb4fe253cb3b0c35c2b498970f672a4d698867f409e226661e41260ae4a601e714e9dcc487def16c734ea45ece8$' \
	'^SK_ar +99d7a5fd2da2e4d41456c10c40007b2d895fb201a633a76208b1f0157cb31602468728658e940d3371a3f8421e1e5358$' \
	'^SK_ei +0805d95f025c981fded8067ee53514756cfbed8d90bbe0a6d0367195f5a059a8$' \
	'^SK_er +3a73044174547d63ad5d7333a6e0007cc89fc99aaf561a830600385482ccbdd7$' \
	'^SK_pi +ffd1e32015c7fd7e7db108140696de7690d8147e823f956afd48014ff514864d754d8930578c5f6fd8027b5a5125f0b4$' \
	'^SK_pr +35a4d16bcb6781392b0c898e0fe82e2512b579bf6dbcde1ae422cff02856da8b69b09ecf0537310fd428b4d26eb258f2$' \
	'^KEYMAT_ei +d41d64d393faf976a0f95aebe50b237b$' \
	'^KEYMAT_ai +2ee2c88e5a59db77e02f42a6fab4ccaf5774bb88$' \
	'^KEYMAT_er +6022c03df7695cda446c653846fa95de$' \
	'^KEYMAT_ar +a0b179a9c4d5de16a979632dd677104225169736$' \
	-- --prf prfsha384 --encr aes256 --integ sha384 "${sa[@]}" --child-encr aes128 --child-integ sha1
t 'rekey of the IKE SA' 0 '^SKEYSEED +0a608ff5785bd0ae3a856615547db0c6b5e7d8f81d8db0024058fa56594fa3b0$' \
	-- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --g-ir $g2 --old-sk-d 758ff2d169830210a548b2a79527f0e25195b661ddd7f5cb6301473a917df084
t 'help' 0 '^usage: keymat' -- --help
t 'nothing' 2 '--prf is missing' --
t 'an unknown word' 2 'unknown algorithm "aes257"' -- --prf prfsha256 --encr aes257 "${sa[@]}"
t 'a word of another type' 2 'sha256 is INTEG, not PRF' -- --prf sha256 --encr aes256gcm16 "${sa[@]}"
t 'AEAD with integrity' 2 'needs no integrity' -- --prf prfsha256 --encr aes256gcm16 --integ sha256 "${sa[@]}"
t 'not hex' 2 '--ni "zz" is not hex' -- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --ni zz
t 'half a byte' 2 'is not hex' -- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --g-ir 123
t 'a short SPI' 2 'has 4 bytes; the SPI' -- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --spi-i 01020304
t 'a short nonce' 2 'a nonce has 16 to 256' -- --prf prfsha256 --encr aes256gcm16 "${sa[@]}" --ni 01020304
t 'an unknown option' 2 -- --bananas
n=$((n+1))
if "$keymat" --list | cmp -s - docs/algorithms.md; then echo "ok $n - docs/algorithms.md is what keymat --list says"
else bad=1; echo "not ok $n - docs/algorithms.md: write it anew with tools/keymat --list"; fi
echo "1..$n"
exit $bad
