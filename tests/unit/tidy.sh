#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/tidy can fail: a small house in which each law is broken in turn.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
h=$(mktemp -d); trap 'rm -rf "$h"' EXIT
n=0 bad=0
say() { n=$((n+1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else bad=1; echo "not ok $n - $2"; sed 's/^/#   /' "$h/out"; fi; }
house() { # a sound one
	rm -rf "$h/house"; mkdir -p "$h/house"/{tools,build/lib,charon-lite/base,charon-lite/ike,charon-lite/net,plugins/alg,charon-lite/suite}
	cp "$top/tools/tidy" "$top/tools/tidy.allow" "$h/house/tools/"; cp "$top/.clang-format" "$h/house/"
	put charon-lite/base/base.h 'int base_one(void);'
	put charon-lite/base/base.c '#include "base.h"' 'int base_one(void)' '{' '    return 1;' '}'
	put charon-lite/suite/alg.h 'int alg_none(void);'
	put charon-lite/ike/ike.c '#include "base/base.h"' 'int ike_two(void);' 'int ike_two(void)' '{' '    return base_one() + 1; /* never strcpy(a, b) */' '}'
	put plugins/alg/x.c '#include "suite/alg.h"' 'int alg_none(void)' '{' '    return 0;' '}'
}
put() { local f=$h/house/$1; shift; printf '%s\n' '/* SPDX-License-Identifier: Apache-2.0 */' "$@" > "$f"; }
add() { local f=$h/house/$1; shift; printf '%s\n' "$@" >> "$f"; }
build() {
	local r f; cd "$h/house" || exit 1
	for r in base ike net; do rm -f "build/lib/lib$r.a"
		for f in charon-lite/$r/*.c; do [ -e "$f" ] || continue
			gcc -w -fno-builtin -O1 -I charon-lite -c "$f" -o build/$r-"$(basename "$f" .c)".o && ar cr build/lib/lib$r.a build/$r-"$(basename "$f" .c)".o; done; done
	rm -f build/*.o; cd / || exit 1; }
tidy() { build; (cd "$h/house" && GIT_CEILING_DIRECTORIES=$h tools/tidy build) > "$h/out" 2>&1; }
breaks() { # breaks LAW TEXT: the house as it is now breaks this law
	tidy && { say 1 "$2: noticed"; return; }
	grep -q "^not ok - $1" "$h/out"; say $? "$2: noticed"; }
house; tidy; say $? "a sound house"
house; add charon-lite/base/base.c '#include "ike/ike.h"'; touch "$h/house/charon-lite/ike/ike.h"; breaks 'each room includes' "base includes ike"
house; add plugins/alg/x.c '#include "base/base.h"'; tidy; say $? "a plugin may include base"
house; add plugins/alg/x.c '#include "ike/ike.h"'; put charon-lite/ike/ike.h; breaks 'each room includes' "a plugin includes ike"
house; add charon-lite/ike/ike.c '#include <sys/socket.h>'; breaks 'the still rooms see' "ike includes a system header"
house; add charon-lite/ike/ike.c 'int socket(int, int, int);' 'int x(void);' 'int x(void)' '{' '    return socket(0, 0, 0);' '}'; breaks 'the still rooms call' "ike calls socket"
house; add charon-lite/ike/ike.c 'int ike_count = 7;'; breaks 'the still rooms have no data' "ike has a writable global"
house; add charon-lite/ike/ike.c 'static int hidden;' 'int y(void);' 'int y(void)' '{' '    return ++hidden;' '}'; breaks 'the still rooms have no data' "ike has a writable static"
house; put charon-lite/net/net.c 'int ike_two(void);' 'int ike_two(void)' '{' '    return 3;' '}'; breaks 'a name has one home' "one name in two rooms"
house; put charon-lite/net/net.c 'void z(char *a, char *b);' 'void z(char *a, char *b)' '{' '    strcpy(a, b);' '}'; breaks 'no banned call' "strcpy"
house; put charon-lite/net/net.c 'void z(char *a);' 'void z(char *a)' '{' '    system(a);' '}'; breaks 'no banned call' "system"
house; add charon-lite/ike/ike.c 'int w(void *a, void *b);' 'int w(void *a, void *b)' '{' '    return memcmp(a, b, 4);' '}'; breaks 'no banned call' "memcmp in ike"
house; add charon-lite/net/net.c '/* SPDX-License-Identifier: Apache-2.0 */' '#include <time.h>' 'static const int clock_of_net = CLOCK_MONOTONIC; /* stops */'; breaks 'no clock' "CLOCK_MONOTONIC"
house; add charon-lite/net/net.c '/* SPDX-License-Identifier: Apache-2.0 */' '#include <time.h>' 'static const int clock_of_net = CLOCK_BOOTTIME; /* not CLOCK_MONOTONIC */'; tidy; say $? "CLOCK_BOOTTIME, and the other named in a comment"
house; printf 'int q;\n' > "$h/house/charon-lite/net/q.h"; breaks 'each source file' "no SPDX line"
house; put charon-lite/net/q.h '/* see /home/'"user"'/notes */'; breaks 'no machine' "a machine's path"
if clang-format-14 --version >/dev/null 2>&1; then
	house; add charon-lite/net/q.h 'int   a ;'; add charon-lite/net/q.c '/* SPDX-License-Identifier: Apache-2.0 */' 'int   f( void )  {return 0;}'; breaks 'formatted' "a line out of format"
fi
echo "1..$n"
exit $bad
