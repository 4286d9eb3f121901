# SPDX-License-Identifier: Apache-2.0
# Sourced by run: the cases. Each walks over HAVE ("DEBIAN/KIND") so that the responders take turns, round by round, and puts lines
#   CASE DEBIAN KIND METRIC ROUND VALUE PROBE    (tabs; PROBE: the speed of the CPU around it, 0 where it says nothing)
CASES="limit start load establish memory rekey half-open flood latency profile"
ESTABLISH="psk-x25519 psk-ecp256 psk-modp2048 rsa2048-x25519 ecdsa256-x25519" # SUITES: some of them
ROUNDS=${BENCH_ROUNDS:-$([ $quick = yes ] && echo 1 || echo 3)}
each() { # each FUNCTION CASE ROUND [ARGUMENT...]: for every responder that can
	local f=$1 c=$2 r=$3 e; shift 3
	for e in $HAVE; do
		[ -z "${LACKS[$c/$e]:-}" ] || continue
		in_time || return 0
		"$f" "$c" "${e%%/*}" "${e#*/}" "$r" "$@"
		stop
	done; }
[ $quick = no ] || {
	SUITES=${SUITES:-psk-x25519 ecdsa256-x25519} BENCH_SECONDS=${BENCH_SECONDS:-140} CASES=${CASES% profile}; }
in_time() { [ $((SECONDS - began)) -lt "${BENCH_SECONDS:-2100}" ]; } # a whole run is bounded, however busy the machine
facts() { # what it was measured on
	put fact - - date 0 "$(date -u +%Y-%m-%d)" 0
	put fact - - machine 0 "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)" 0
	put fact - - commit 0 "$(git -C "$LAB_TOP" describe --always --dirty 2>/dev/null || echo release)" 0
	put fact - - shim 0 "$SHIM" 0
	put fact - - awake 0 "${BENCH_AWAKE:-yes}" 0
	put fact - - rounds 0 "$ROUNDS" 0
	local d; for d in $DEBIANS; do put fact "$d" - openssl 0 "$(in_tree "$d" openssl version | cut -d' ' -f2)" 0; done; }

# --- the crypto limit of each case ---------------------------------------------------
case_limit() {
	local d r a b t n=$ROUNDS
	for ((r = 1; r <= n; r++)); do for d in $DEBIANS; do
		a=$(probe); t=$(taskset -c "$CPU_R" chroot "${TREE[$d]}" /build/tests/bench/bench_limit 0.04); b=$(probe)
		while read -r name us; do put "$name" "$d" limit us "$r" "$us" "$(mean "$a" "$b")"; done <<< "$t"
	done; done; }

# --- start to ready, idle memory ------------------------------------------------------
case_start() { local r; for ((r = 1; r <= ROUNDS; r++)); do each start_one "$1" "$r"; done; }
start_one() { local ms
	end_open "$3" "$2" || { LACKS[$1/$2/$3]=start; return; }
	ms=$(ready "$W/shared/began" 20) || { LACKS[$1/$2/$3]=silent; note "$3 ($2) does not answer"; return; }
	put "$1" "$2" "$3" ready_ms "$4" "$ms" 0
	settle 5
	put "$1" "$2" "$3" idle_kib "$4" "$(pss)" 0
	put "$1" "$2" "$3" threads "$4" "$(watch | awk '{ s += $5 } END { print s }')" 0
	put "$1" "$2" "$3" processes "$4" "$(watch | wc -l)" 0; }

# --- load of 1, 1000 and 10000 connections -----------------------------------------------
case_load() { local r n sizes="1 1000 10000"
	[ $quick = no ] || sizes="1 1000"
	for n in $sizes; do for ((r = 1; r <= (n > 1000 ? (ROUNDS + 1) / 2 : ROUNDS); r++)); do each load_one "$1" "$r" "$n"; done; done; }
load_one() { local a b
	CONNECTIONS=$5 FIXED=yes LOAD_LIMIT=60
	a=$(probe 0.03)
	if end_open "$3" "$2" && settle 60; then
		put "$1" "$2" "$3" "cpu_us_$5" "$4" "$(awk -v a="$(cpu)" -v b="$LOADED_US" 'BEGIN { print a + b }')" "$(mean "$a" "$(probe 0.03)")"
		put "$1" "$2" "$3" "kib_$5" "$4" "$(pss)" 0
	else LACKS[$1/$2/$3]=load; fi
	CONNECTIONS=1 FIXED=no LOAD_LIMIT=10; }

# --- CPU of an establishment ----------------------------------------------------------------
# First some that are not counted, from other addresses: what is made once is made.
gen() { # gen CASE VERB OPTION...: charon-bench; its JSON is $W/gen.json
	local v=$1; shift
	timeout "${GEN_LIMIT:-40}" nsenter --net=/run/netns/${GEN_NS:-g} taskset -c "$CPU_G" "$BUILD/tests/bench/charon-bench" "$v" --remote $ADDRESS --ke "$KE" --give-up 10 --json "$W/gen.json" --quiet "$@" $(generator_auth) >"$W/gen.out${GEN_NS:-}" 2>"$W/gen.err"; }
said() { python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v.get(k, 0) if isinstance(v, dict) else 0
print(v)' "$W/gen.json" "$1" 2>/dev/null || echo 0; }
warm() { gen establish --local 10.200.0.1/16 --inner 172.24.0.0/16 --each-address --peers "${1:-50}"; }
peers_for() { case $1 in modp2048* | rsa2048*) echo $((${2:-1000} / 2)) ;; *) echo "${2:-1000}" ;; esac; }
case_establish() { local r s n=1000
	[ $quick = no ] || n=500
	for ((r = 1; r <= ROUNDS; r++)); do for s in ${SUITES:-$ESTABLISH}; do
		AUTH=${s%-*} KE=${s#*-}
		each establish_one "$s" "$r" "$(peers_for "${s/psk-/}" $n)"
	done; done; AUTH=psk KE=x25519; }
fails() { # fails CASE DEBIAN KIND WHY: it is not tried again
	LACKS[$1/$2/$3]=$4; put lack "$2" "$3" "$1" 0 "$4" 0; note "$1, $3 in Debian $2: $4"; }
establish_one() { local a b p q n=$5 done x y
	end_open "$3" "$2" && ready >/dev/null && warm || { fails "$1" "$2" "$3" "does not establish: $(tail -n 1 "$W/gen.err"; tail -n 1 "$W/shared/$3.out")"; return; }
	settle 5; x=$(counted); p=$(probe); a=$(cpu); watch > "$W/before"
	gen establish --local 10.0.0.1/8 --each-address --peers "$n"
	settle 10; b=$(cpu); watch > "$W/after"; q=$(probe); y=$(counted)
	done=$(said established)
	[ "${done:-0}" -ge $((n * 98 / 100)) ] || { fails "$1" "$2" "$3" "only $done of $n established"; return; }
	put "$1" "$2" "$3" cpu_us "$4" "$(per "$a" "$b" "$done")" "$(mean "$p" "$q")"
	put "$1" "$2" "$3" rate "$4" "$(said per_second)" 0
	awk -v n="$done" 'NR == FNR { was[$1] = $3; next } { printf "%s %.2f\n", $2, ($3 - was[$1]) / n }' "$W/before" "$W/after" |
		while read -r name us; do put "$1" "$2" "$3" "part $name" "$4" "$us" "$(mean "$p" "$q")"; done
	put "$1" "$2" "$3" xfrm_sends "$4" "$(per "${x% *}" "${y% *}" "$done")" 0
	put "$1" "$2" "$3" xfrm_messages "$4" "$(per "${x#* }" "${y#* }" "$done")" 0
	put "$1" "$2" "$3" round_trips "$4" "$(said round_trips)" 0
	put "$1" "$2" "$3" generator_us "$4" "$(said generator_cpu_us_each)" "$(mean "$p" "$q")"; }

# --- where ours spends it: a profile of each case, and system calls ----------------------------------
# PROFILES: some of them. What is driven is a function with the number of peers; what a call is shared among is what it leaves in DONE.
case_profile() { local s d=${DEBIANS##* } w
	[ $quick = no ] || return 0
	command -v perf >/dev/null && command -v strace >/dev/null || { lack profile "perf and strace are not here" "$d"; return; }
	for s in ${PROFILES:-${SUITES:-$ESTABLISH} rekey-ike rekey-child rekey-child-pfs half-open flood load}; do
		case $s in
		rekey-*) w=${s#rekey-}; [ $w != child-pfs ] || PFS=yes; profile_one "$s" "$d" drive_rekey 100 10; PFS=no ;;
		half-open) profile_one "$s" "$d" drive_half 5000 500 ;;
		flood) COOKIES=yes; profile_one "$s" "$d" drive_flood 40000 2000; COOKIES=no ;;
		load) profile_load "$s" "$d" ;;
		*) AUTH=${s%-*} KE=${s#*-}; profile_one "$s" "$d" drive_establish "$(peers_for "${s/psk-/}" 3000)" 200; AUTH=psk KE=x25519 ;;
		esac; stop
	done; }
profile_net() { if [ "$1" = profile ]; then echo 10.0.0.1/9; else echo 10.129.0.1/16 --inner 172.24.0.0/16; fi; } # perf first, then strace, other peers
drive_establish() { gen establish --local $(profile_net "$1") --each-address --peers "$2"; DONE=$(said established); }
drive_rekey() { gen rekey --local $(profile_net "$1") --each-address --peers 20 --what "$w" --times "$2"; DONE=$(said rekey.rekeyed); }
drive_half() { gen establish --local $(profile_net "$1") --each-address --half-open --peers "$2" --give-up 60; DONE=$(said established); }
drive_flood() { flood "$2" 10000; DONE=$(said cookie_replies); }
profile_one() { # profile_one CASE DEBIAN DRIVE MANY FEW
	local p
	end_open ours "$2" && ready >/dev/null && { [ "$1" = flood ] || warm; } || { fails "$1" "$2" profile "does not establish"; return; }
	perf record -q -F 4000 -o "$W/perf.data" -p "$(watch | awk '{ printf "%s%s", s, $1; s = "," }')" >/dev/null 2>&1 & p=$!; sleep 0.5
	"$3" profile "$4"
	kill -INT $p; wait $p 2>/dev/null
	profile_put "$1" "$2"
	strace -f -c -q -o "$W/calls" $(watch | awk '{ printf "-p %s ", $1 }') 2>/dev/null & p=$!; sleep 1
	GEN_LIMIT=20 "$3" calls "$5"
	kill -TERM $p; wait $p 2>/dev/null
	awk -v n="$DONE" '$NF !~ /syscall|total/ && $4 ~ /^[0-9]+$/ && n > 0 && $4 / n >= 0.05 { printf "%s %.2f\n", $NF, $4 / n }' "$W/calls" |
		while read -r call n; do put "$1" "$2" ours "call $call" 1 "$n" 0; done; }
profile_load() { local p # from the start: everything that runs on its CPU, of which its own processes are kept
	CONNECTIONS=10000 FIXED=yes LOAD_LIMIT=60
	perf record -q -F 20000 -C "$CPU_R" -o "$W/perf.data" >/dev/null 2>&1 & p=$!; sleep 0.5
	end_open ours "$2" && settle 60 || fails "$1" "$2" profile "does not start"
	kill -INT $p; wait $p 2>/dev/null
	profile_put "$1" "$2" --percentage relative --comms charon-lite,charon-core,charon-hand,charon-vault,charon-judge,charon-fetch
	CONNECTIONS=1 FIXED=no LOAD_LIMIT=10; }
profile_put() { # profile_put CASE DEBIAN [OPTION OF PERF...]
	local c=$1 d=$2; shift 2
	perf report -q -i "$W/perf.data" "$@" --sort comm,dso 2>/dev/null | awk '$1 + 0 >= 0.5 { sub(/%/, "", $1); print $1, $2, $3 }' |
		while read -r share comm dso; do put "$c" "$d" ours "prof $comm $dso" 1 "$share" 0; done
	perf report -q -i "$W/perf.data" "$@" --sort dso,symbol 2>/dev/null | awk '$1 + 0 >= 0.4 && $4 !~ /^(0x|$)/ && n++ < 15 { sub(/%/, "", $1); gsub(/[][]/, "", $2); print $1, $2, $4 }' |
		while read -r share dso f; do put "$c" "$d" ours "top $dso $f" 1 "$share" 0; done
	perf report -q -i "$W/perf.data" "$@" --sort comm,symbol --dsos charon-lite 2>/dev/null | awk '$1 + 0 >= 0.2 && $3 == "[.]" && n++ < 15 { sub(/%/, "", $1); print $1, $2, $4 }' |
		while read -r share comm f; do put "$c" "$d" ours "func $comm $f" 1 "$share" 0; done; }

# --- memory: IKE SAs with Child SAs, and half-open ones -------------------------------------------
rested() { # until the memory does not change any more (caches are let go, cached responses expire), $1 seconds at most
	local a b end=$((SECONDS + $1)); settle 10; a=$(pss)
	while [ $SECONDS -lt $end ]; do sleep 5; b=$(pss); [ $((a - b)) -gt 64 ] || break; a=$b; done; pss; }
case_memory() { local n
	for n in ${SIZES:-$([ $quick = yes ] && echo 1000 || echo 1000 10000 100000)}; do each memory_one "$1" 1 "$n"; done; IKE_SAS=100000; }
memory_one() { local a b up n
	[ "$5" -lt 100000 ] || [ "$2/$3" = "${DEBIANS##* }/${3/iked/}" ] || return 0 # the most once for each, in the newest; OpenIKED takes too long
	IKE_SAS=$(($5 > 90000 ? 200000 : 100000))
	end_open "$3" "$2" && ready >/dev/null && warm 20 || { fails "$1" "$2" "$3" "does not establish"; return; }
	settle 5; a=$(pss); up=$(cpu); b=$(probe)
	GEN_LIMIT=${MEMORY_LIMIT:-200} gen establish --local 10.0.0.1/8 --each-address --peers "$5" --window "$([ "$3" = ours ] || [ "$3" = one ] && echo 64 || echo 16)"
	n=$(said established)
	[ "${n:-0}" -ge $(($5 * 98 / 100)) ] || { fails "$1" "$2" "$3" "only ${n:-0} of $5 established"; return; }
	settle 10; put "$1" "$2" "$3" "cpu_us_$5" "$4" "$(per "$up" "$(cpu)" "$n")" "$(mean "$b" "$(probe)")"
	put "$1" "$2" "$3" "bytes_$5" "$4" "$(awk -v a="$a" -v b="$(rested "$([ $quick = yes ] && echo 5 || echo 60)")" -v n="$n" 'BEGIN { printf "%.0f", (b - a) * 1024 / n }')" 0; }
# 100,000 that stay, and what they take when no answer is kept any more (5 minutes later); long, so only when it is asked for by name.
case_expired() { local n
	for n in ${SIZES:-100000}; do each expired_one "$1" 1 "$n"; done; IKE_SAS=100000; }
expired_one() { local a b n=0 p wait=${EXPIRED_WAIT:-330} gen
	[ "$3" = ours ] || [ "$3" = one ] || return 0
	IKE_SAS=200000
	end_open "$3" "$2" && ready >/dev/null && warm 50 || { fails "$1" "$2" "$3" "does not establish"; return; }
	settle 5; a=$(pss); : >"$W/gen.out"
	GEN_LIMIT=$((wait + ${MEMORY_LIMIT:-200})) gen establish --local 10.0.0.1/8 --each-address --peers "$5" --window 64 --hold $((wait + 20)) & gen=$!
	while kill -0 $gen 2>/dev/null && ! n=$(awk '$1 == "established" { n = $2 } END { print n + 0; exit !n }' "$W/gen.out"); do sleep 1; done
	for p in fresh expired; do
		if [ $p = fresh ]; then sleep 5; else sleep "$wait"; fi
		b=$(pss); put "$1" "$2" "$3" "bytes_$p $5" "$4" "$(awk -v a="$a" -v b="$b" -v n="$n" 'BEGIN { printf "%.0f", (b - a) * 1024 / (n ? n : 1) }')" 0
		watch -m | while read -r _ name _ _ _ kib; do put "$1" "$2" "$3" "kib_$p $name $5" "$4" "$kib" 0; done
	done; wait $gen
	[ "$(said up_at_end)" -ge $((n * 98 / 100)) ] || fails "$1" "$2" "$3" "only $(said up_at_end) of $n stayed"; }
# 100,000 in one daemon (ours): the first 1,000 and the last 1,000 apart, while those between, who are another generator's, stay and answer.
# Some minutes, so only when it is asked for by name.
case_flat() { local r; for ((r = 1; r <= ROUNDS; r++)); do each flat_one "$1" "$r"; done; IKE_SAS=100000; }
flat_one() { local gen n=0 many=${FLAT_BULK:-98000}
	[ "$3" = ours ] || [ "$3" = one ] || return 0
	IKE_SAS=200000
	end_open "$3" "$2" && ready >/dev/null && warm 50 || { fails "$1" "$2" "$3" "does not establish"; return; }
	flat_gen "$1" "$2" "$3" "$4" first 10.0.0.1/16 172.16.0.0/16
	: >"$W/gen.outh"
	GEN_NS=h GEN_LIMIT=600 gen establish --local 10.64.0.1/10 --inner 172.20.0.0/14 --each-address --peers "$many" --window 64 --hold 120 & gen=$!
	while kill -0 $gen 2>/dev/null && ! n=$(awk '$1 == "established" { n = $2 } END { print n + 0; exit !n }' "$W/gen.outh"); do sleep 1; done
	[ "${n:-0}" -ge $((many * 98 / 100)) ] || { fails "$1" "$2" "$3" "only ${n:-0} of $many established"; kill $gen; wait $gen; return; }
	sleep "${FLAT_REST:-40}"; settle 20 # each is looked at once, soon after it is up
	flat_gen "$1" "$2" "$3" "$4" last 10.1.0.1/16 172.17.0.0/16
	put "$1" "$2" "$3" last_by_first "$4" "$(awk -v a="$FLAT_first" -v b="$FLAT_last" 'BEGIN { print b / a }')" 0
	put "$1" "$2" "$3" established "$4" "$n" 0
	kill $gen 2>/dev/null; wait $gen; }
flat_gen() { # flat_gen CASE DEBIAN KIND ROUND WHICH LOCAL INNER: 1,000; what each takes in probes is left in FLAT_first, FLAT_last
	local u b
	settle 10; u=$(cpu); b=$(probe)
	gen establish --local "$6" --inner "$7" --each-address --peers 1000 --window 64; settle 10
	u=$(per "$u" "$(cpu)" "$(said established)"); b=$(mean "$b" "$(probe)")
	put "$1" "$2" "$3" "cpu_us_$5" "$4" "$u" "$b"
	printf -v "FLAT_$5" %s "$(awk -v u="$u" -v b="$b" 'BEGIN { print u / b }')"; }
case_half_open() { local n sizes="1000 10000"
	[ $quick = no ] || sizes="1000"
	for n in $sizes; do each half_one "$1" 1 "$n"; done; }
half_one() { local a b u n p
	end_open "$3" "$2" && ready >/dev/null && warm 20 || { fails "$1" "$2" "$3" "does not establish"; return; }
	settle 5; a=$(pss); u=$(cpu); p=$(probe)
	GEN_LIMIT=60 gen establish --local 10.0.0.1/8 --each-address --half-open --peers "$5" --give-up 60
	n=$(said established)
	[ "${n:-0}" -ge $(($5 * 98 / 100)) ] || { fails "$1" "$2" "$3" "only ${n:-0} of $5 were answered"; return; }
	sleep 0.3; b=$(pss)
	put "$1" "$2" "$3" "bytes_$5" "$4" "$(awk -v a="$a" -v b="$b" -v n="$n" 'BEGIN { printf "%.0f", (b - a) * 1024 / n }')" 0
	put "$1" "$2" "$3" cpu_us "$4" "$(per "$u" "$(cpu)" "$n")" "$(mean "$p" "$(probe)")"; }

# --- rekeys ----------------------------------------------------------------------------------------
# Few peers, many times; what their establishment cost is measured first, and taken off.
case_rekey() { local r w
	for ((r = 1; r <= ROUNDS; r++)); do for w in ike child child-pfs; do
		[ $w = child-pfs ] && PFS=yes || PFS=no
		each rekey_one "rekey-$w" "$r" $w
	done; done; PFS=no; }
rekey_one() { local a b c p times=100 done
	[ $quick = no ] || times=20
	end_open "$3" "$2" && ready >/dev/null && warm 20 || { fails "$1" "$2" "$3" "does not establish"; return; }
	settle 5; p=$(probe); a=$(cpu)
	gen establish --local 10.1.0.1/16 --inner 172.17.0.0/16 --each-address --peers 20; settle 5; b=$(cpu)
	gen rekey --local 10.2.0.1/16 --inner 172.18.0.0/16 --each-address --peers 20 --what "$5" --times $times; settle 5; c=$(cpu)
	done=$(said rekey.rekeyed)
	[ "${done:-0}" -ge $((20 * times * 98 / 100)) ] || { fails "$1" "$2" "$3" "only ${done:-0} of $((20 * times)) rekeys: $(tail -n 1 "$W/gen.err")"; return; }
	put "$1" "$2" "$3" cpu_us "$4" "$(awk -v a="$a" -v b="$b" -v c="$c" -v n="$done" 'BEGIN { printf "%.2f", (c - b - (b - a)) / n }')" "$(mean "$p" "$(probe)")"; }

# --- a flood, and every request answered with a cookie ------------------------------------------------
case_flood() { local r d; COOKIES=yes
	for ((r = 1; r <= ROUNDS; r++)); do
		for d in $DEBIANS; do bare_one "$1" "$d" "$r"; stop; done
		each flood_one "$1" "$r"
	done; COOKIES=no; }
FULL=80000 # a second: more than its CPU can answer, or all that the generator can send
bare_one() { local n=40000 # a loop that receives, computes an HMAC and sends: the kernel's share of it, in this very network
	[ $quick = no ] || n=20000
	WHO=bare DEB=$2 ENVS=()
	spawn /build/tests/bench/bench_bare $ADDRESS; sleep 0.5
	flood 2000 5000; flood_cost "$1" "$2" bare "$3" cpu_us_10000 $n 10000; flood_cost "$1" "$2" bare "$3" cpu_us $((n * 4)) $FULL; }
flood_cost() { # flood_cost CASE DEBIAN KIND ROUND METRIC COUNT RATE: CPU of each answer, into GOT how many
	local p a; p=$(probe); a=$(cpu)
	flood "$6" "$7"; settle 5; GOT=$(said cookie_replies)
	[ "${GOT:-0}" -gt $(($6 / 20)) ] || { fails "$1" "$2" "$3" "only ${GOT:-0} of $6 answered with a cookie"; return 1; }
	put "$1" "$2" "$3" "$5" "$4" "$(per "$a" "$(cpu)" "$GOT")" "$(mean "$p" "$(probe)")"; }
flood_one() { local n=40000
	[ $quick = no ] || n=20000
	[ "$3" != iked ] || { fails "$1" "$2" "$3" "asks for no cookie that could be forced"; return; }
	end_open "$3" "$2" && ready >/dev/null || { fails "$1" "$2" "$3" "does not start"; return; }
	case $3 in swan) sleep 11; flood 2000 2000 ;; *) flood 2000 5000 ;; esac
	settle 5; flood_cost "$1" "$2" "$3" "$4" cpu_us_10000 $n 10000 || return 0
	put "$1" "$2" "$3" answered "$4" "$(awk -v a="$GOT" -v n=$n 'BEGIN { print 100 * a / n }')" 0
	flood_cost "$1" "$2" "$3" "$4" cpu_us $((n * 4)) $FULL; }
flood() { timeout 60 nsenter --net=/run/netns/g taskset -c "$CPU_G" "$BUILD/tests/bench/charon-bench" flood --remote $ADDRESS --spoof 10.0.0.0/8 --count "$1" --rate "$2" --json - >"$W/gen.json" 2>"$W/gen.err"; }

# --- latency at half load: half the rate at which its CPU was full -------------------------------------
case_latency() { local r; for ((r = 1; r <= (ROUNDS + 1) / 2; r++)); do each latency_one "$1" "$r"; done; }
latency_one() { local a u n=400 rate
	end_open "$3" "$2" && ready >/dev/null && warm || { fails "$1" "$2" "$3" "does not establish"; return; }
	settle 5; a=$(cpu); gen establish --local 10.1.0.1/16 --inner 172.17.0.0/16 --each-address --peers $n; settle 5
	u=$(per "$a" "$(cpu)" "$(said established)")
	rate=$(awk -v u="$u" 'BEGIN { printf "%d", 5e5 / u }'); n=$((rate * ($([ $quick = yes ] && echo 1 || echo 4))))
	gen establish --local 10.2.0.1/16 --inner 172.18.0.0/16 --each-address --peers "$n" --rate "$rate"
	[ "$(said established)" -ge $((n * 98 / 100)) ] || { fails "$1" "$2" "$3" "only $(said established) of $n established"; return; }
	put "$1" "$2" "$3" rate "$4" "$rate" 0
	for a in p50 p90 p99 max; do put "$1" "$2" "$3" ${a}_us "$4" "$(said latency_us.establish.$a)" 0; done; }
