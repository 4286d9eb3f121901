# SPDX-License-Identifier: Apache-2.0
# Sourced by the host-side scripts of the laboratory: where things are, which kernel is used, packages.
# Everything can be set from the environment; nothing is written outside $LAB_DIR (and $TMPDIR for scratch).
set -euo pipefail
trap 'echo "${0##*/}: failed at line $LINENO" >&2' ERR
LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_TOP=$(cd "$LAB_HOME/../.." && pwd)
LAB_DIR=${LAB_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/charon-lite-lab}
LAB_KEYRING=${LAB_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
PATH=$PATH:/usr/sbin:/sbin

die() { echo "${0##*/}: $*" >&2; exit 99; }
say() { echo "${0##*/}: $*" >&2; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN{printf "%.1f", b-a}'; }

# --- the root tree ----------------------------------------------------------
lab_tree() { # lab_tree own|trixie|bookworm|DIR: its directory
	case $1 in
	own) echo / ;;
	/*) echo "$1" ;;
	*) echo "$LAB_DIR/rootfs-$1" ;;
	esac
}
lab_tree_ready() { [ "$1" = own ] || [ -f "$(lab_tree "$1")/.lab-rootfs" ]; }

# --- the kernel -------------------------------------------------------------
# In this order: the machine's own where it has ESP and network namespaces, $CHARON_LAB_KERNEL, a built one in
# the cache, Debian's user-mode-linux package. CHARON_LAB_HOST=no passes over the first.
lab_own_kernel_has_esp() { # in a network namespace of its own, which ends with the command
	local ns=(unshare --net)
	[ "${CHARON_LAB_HOST:-yes}" != no ] || return 1
	[ "$(id -u)" = 0 ] || return 1
	command -v ip >/dev/null || return 1
	"${ns[@]}" ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode tunnel \
		aead 'rfc4106(gcm(aes))' 0x0001020304050607080910111213141516171819 128 >/dev/null 2>&1
}
lab_kernel() { # sets LAB_KIND (own, uml or none), LAB_KERNEL and LAB_KERNEL_TEXT
	local k
	LAB_KIND=uml LAB_KERNEL='' LAB_KERNEL_TEXT=''
	if lab_own_kernel_has_esp; then
		LAB_KIND=own; LAB_KERNEL_TEXT="this machine's own, $(uname -r), in namespaces"; return; fi
	if [ -n "${CHARON_LAB_KERNEL:-}" ]; then
		[ -x "$CHARON_LAB_KERNEL" ] || die "CHARON_LAB_KERNEL is no executable: $CHARON_LAB_KERNEL"
		LAB_KERNEL=$CHARON_LAB_KERNEL; LAB_KERNEL_TEXT="user mode Linux $(lab_release "$LAB_KERNEL"), named by CHARON_LAB_KERNEL"; return; fi
	k=$LAB_DIR/kernel/linux
	[ -x "$k" ] && { LAB_KERNEL=$k; LAB_KERNEL_TEXT="user mode Linux $(lab_release "$k"), built by make-kernel"; return; }
	k=$(command -v linux.uml || :)
	[ -n "$k" ] && { LAB_KERNEL=$k; LAB_KERNEL_TEXT="user mode Linux $(lab_release "$k"), Debian's package"; return; }
	LAB_KIND=none
}
lab_release() { "$1" --version 2>/dev/null | tail -1; }
lab_uml_config() { # lab_uml_config OPTION: is it built into (or a module of) the kernel found
	[ "$LAB_KIND" = own ] || "$LAB_KERNEL" --showconfig 2>/dev/null | grep -q "^CONFIG_$1=[ym]"
}
# Why the kernel found cannot run a scenario that needs NAT (nftables) or ... ; nothing when it can.
lab_lacks() { # lab_lacks FEATURE...
	local f
	for f; do case $f in
		nat) lab_uml_config NF_TABLES_IPV4 || { echo "the kernel (${LAB_KERNEL_TEXT%%,*}) has no nftables for IPv4"; return; } ;;
		travel) [ "$LAB_KIND" = uml ] && lab_uml_config UML_TIME_TRAVEL_SUPPORT || { echo "the kernel (${LAB_KERNEL_TEXT%%,*}) has no time travel"; return; } ;;
		netem) lab_uml_config NET_SCH_NETEM || { echo "the kernel (${LAB_KERNEL_TEXT%%,*}) has no netem"; return; } ;;
		xfrmi) lab_uml_config XFRM_INTERFACE || { echo "the kernel (${LAB_KERNEL_TEXT%%,*}) has no xfrm interfaces"; return; } ;;
	esac; done
}

# Debian's package runs by ptrace, several times as slow as a kernel that make-kernel built.
lab_patience() { # lab_patience SECONDS
	if [ "$LAB_KIND" = own ] || lab_uml_config UML_TIME_TRAVEL_SUPPORT; then echo "$1"; else echo $(($1 * 3)); fi
}

# --- packages ---------------------------------------------------------------
# The Debian mirrors that this machine's own apt uses; no host name is written here.
lab_mirror() { # lab_mirror main|security
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 'Origin: Debian' |
	awk -v want="$1" '{ sec = ($2 ~ /-security$/) } (want == "security") == sec { sub(/\/$/, "", $1); if (!seen++) print $1 }'
}
# An apt that knows the suites asked for, and touches neither the machine's own apt configuration nor its lists.
lab_apt_init() { # lab_apt_init SUITE...: sets LAB_APT
	local d=$LAB_DIR/apt-$1 main sec s
	main=${LAB_MIRROR:-$(lab_mirror main)} sec=${LAB_SEC_MIRROR:-$(lab_mirror security)}
	[ -n "$main" ] || die "apt on this machine names no Debian mirror (apt-get update first)"
	mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
	LAB_SOURCES=()
	for s; do case $s in
		*-security) [ -z "$sec" ] || LAB_SOURCES+=("deb [signed-by=$LAB_KEYRING] $sec $s main") ;;
		*) LAB_SOURCES+=("deb [signed-by=$LAB_KEYRING] $main $s main") ;;
	esac; done
	printf '%s\n' "${LAB_SOURCES[@]}" > "$d/lab.list.new"
	LAB_APT=(-o "Dir::Etc::SourceList=$d/lab.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
		-o "Dir::State::Lists=$d/lists" -o "Dir::Cache=$d/cache"
		-o Acquire::Check-Valid-Until=false # a mirror may be frozen in the past
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3)
	if ! cmp -s "$d/lab.list.new" "$d/lab.list" || [ -z "$(find "$d/lists" -name '*InRelease' -mmin -720 -print -quit)" ]; then
		mv "$d/lab.list.new" "$d/lab.list"
		apt-get "${LAB_APT[@]}" -qq update >&2
	fi
}
lab_deb() { # lab_deb PACKAGE[/SUITE|=VERSION]...: download into $LAB_DIR/debs
	mkdir -p "$LAB_DIR/debs"
	(cd "$LAB_DIR/debs" && apt-get "${LAB_APT[@]}" -qq download "$@" >&2)
}
# Install what is missing, once, with progress in one line; needs root or sudo.
lab_install() { # lab_install PACKAGE...
	local p want=() su=() log
	for p; do dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || want+=("$p"); done
	[ ${#want[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null || die "root (or sudo) is needed to install: ${want[*]}"; su=(sudo); }
	[ "${LAB_QUIET:-0}" = 1 ] || say "installing ${want[*]}"
	log=$(mktemp)
	if ! { "${su[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 --no-install-recommends install "${want[@]}" ||
		{ "${su[@]}" apt-get -q -o Acquire::Check-Valid-Until=false update &&
		  "${su[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 --no-install-recommends install "${want[@]}"; }; } >"$log" 2>&1
	then tail -15 "$log" >&2; rm -f "$log"; die "could not install: ${want[*]}"; fi
	rm -f "$log"
}
LAB_BUILD_PACKAGES="gcc make autoconf automake pkg-config libc6-dev linux-libc-dev libssl-dev libnl-3-dev libyaml-dev
	libgmp-dev libcmocka-dev libevent-dev libseccomp-dev libcap-ng-dev libjansson-dev"
# for a guest whose root is this machine's own
LAB_GUEST_PACKAGES="iproute2 iputils-ping tcpdump procps openssl kmod mount"
lab_known() { # lab_known PACKAGE: does apt know one to install
	[ -n "$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(]*\)$/\1/p')" ]; }
lab_install_if_known() { # lab_install_if_known PACKAGE...: what is of use and not needed; no error where there is none
	local p known=()
	for p; do ! lab_known "$p" || known+=("$p"); done
	[ ${#known[@]} = 0 ] || (lab_install "${known[@]}") || :
}

# --- the build ----------------------------------------------------------------
lab_build() { # lab_build BUILDDIR TARGET...: out of tree, warnings as errors; logs in BUILDDIR/test-logs; LAB_CONFIGURE: more options
	local build=$1 logs=$1/test-logs; shift
	mkdir -p "$logs"
	( cd "$LAB_TOP"
	  tools/list-sources
	  if [ ! -x configure ] || [ ! -f Makefile.in ] || [ ! -f build-aux/install-sh ] ||
		[ -n "$(find configure.ac Makefile.am sources.mk tools/list-sources -newer configure -print -quit)" ]; then
		autoreconf -fi >"$logs/autoreconf.log" 2>&1 || { tail -20 "$logs/autoreconf.log" >&2; exit 1; }
	  fi
	  cd "$build"
	  if [ ! -f config.status ] || [ "$LAB_TOP/configure" -nt config.status ]; then
		"$LAB_TOP/configure" --enable-werror ${LAB_CONFIGURE:-} >"$logs/configure.log" 2>&1 || { tail -20 "$logs/configure.log" >&2; exit 1; }
	  fi
	  make -s -j"${CHARON_JOBS:-$(nproc)}" "$@" >"$logs/make.log" 2>&1 || { tail -40 "$logs/make.log" >&2; exit 1; }
	)
}
