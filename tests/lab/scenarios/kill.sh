#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -a time-travel=inf-cpu -t 20000
# SIGKILL anywhere is harmless: each process of the daemon in turn is killed as it enters its N-th system call of a phase: the start,
# the first negotiation, a rekey of the Child SA and of the IKE SA, `down`, a reload that changes the child. Something like a service
# manager begins the daemon anew where its parent died. Afterwards: the daemon is whole; 2 s after the SIGKILL, whether anything flows or
# not, no SA that the daemons do not know is in either kernel; within 3 s of it numbered packets pass both ways again (who ordered `down`
# orders `up`, and counts from there); nothing has crossed the middle in clear, though the routes lead there.
#   role=initiator  ours keeps the tunnel up and is given the orders; so it begins anew by itself, and INITIAL_CONTACT ends what the peer
#                   still has (RFC 7296 2.4)
#   role=responder  ours only answers: the peer is given the orders, and it is the peer that must notice. It asks whether ours lives when
#                   nothing has come for a second (2.4); one of ours then is shown a token (RFC 6290), strongSwan knows none and gives up
#                   what is not answered after three seconds, so that the traffic has that much longer to be back
#   points=25       how many points, chosen by the seed; all: every one of them (stride=K: every K-th)
#   seed=           rotates by the clock; printed
#   phases=  roles= only these
#   only=PHASE:ROLE:N   this one point
#   loud=1              say of each how long it was silent
points=${points:-25} stride=${stride:-1} seed=${seed:-$(date +%s)}
phases=${phases:-start establish rekey ike delete reload} roles=${roles:-parent core hand vault judge fetch}
. /lab/lib.sh
parameters "$@"
[ "$us" = charon ] || { note "our own processes: nothing to do"; finish; }
if [ "$role" = responder ]; then
	CHARON_DAEMON="retransmit: { first: 500ms }" CHARON_IKE_MORE="liveness: 1s, dead_after: 2s"
	SWAN_RETRANSMIT=0.5 SWAN_TRIES=2 SWAN_CONN="dpd_delay = 1" SWAN_CHILD="close_action = start"
	if [ "$peer" = charon ]; then limit=${limit:-5}; else limit=${limit:-9}; fi
fi
topology
ip -n inet route add 10.1.0.0/24 via 192.0.2.1; ip -n inet route add 10.2.0.0/24 via 198.51.100.1
# our daemon is begun anew whenever it ends, as a service manager does
served() { # what spawn() starts for our end: the daemon, or (once) the daemon under lab_kill
	local d=$W/charon-$OUR
	set -- "$BIN" --state "$d/state" -c "$d/charon.yaml" -s "$d/control"
	while [ ! -e "$W/no-service" ]; do
		if [ -e "$W/hunt" ]; then
			read -r fork call < "$W/hunt"; rm -f "$W/hunt"
			"$LABBIN/lab_kill" "-$fork" "$call" "$@" >"$W/hunted" 2>>"$d/log"
		else "$@" >>"$d/log" 2>&1; fi
		echo "$(date +%s.%N) ended $?" >> "$W/service"
		sleep 0.1
	done; }
eval "$(declare -f charon_start | sed 's/^charon_start/plain_charon_start/')"
charon_start() { # our daemon lives under the service
	[ "$1" = "$OUR" ] || { plain_charon_start "$1"; return; }
	local d=$W/charon-$OUR; mkdir -p "$d"
	printf '%s\n' "$PSK" > "$d/s2s.psk"; chmod 600 "$d/s2s.psk"
	charon_conf "$OUR" | grep -v '^ *$' > "$d/charon.yaml"
	export W BIN LABBIN OUR; spawn "$OUR" "$d/service" bash -c "$(declare -f served); served"
	wait_for 20 charon "$OUR" list || { nok "charon-lite in $OUR answers"; return 1; }; }
if [ "$role" = initiator ]; then KEEP=up start_both
else
	KEEP=answer end_start gb && KEEP=up end_start ga || { nok "both daemons start"; finish; }
	[ "$peer" = charon ] || end_up ga
fi
if [ "$peer" != charon ]; then clear_filter="src net $([ "$OUR" = ga ] && echo "$NA" || echo "$NB")"; fi # what our end sends: others open where they have no SA
capture inet netb "$W/clear.pcap" "$clear_filter"
check "tunnel" wait_for 20 has_children "$OUR" || finish
streams_start 50

# Forks are dear in a guest: what is asked often is asked without.
ctl() { "$CTL" -t 8 -s "$W/charon-$1/control" "${@:2}" 2>/dev/null; }
status() { STATUS=$(ctl "${1:-$OUR}" status); }
# The orders are for who began the tunnel, ga.
order() { # order up|down|child|ike
	case $GA$1 in
	charonup | charondown) ctl ga "$1" s2s ;;
	charonchild) ctl ga rekey s2s net ;;
	charonike) ctl ga rekey s2s ;;
	*up) SWAN_PATIENCE=8 swan ga --initiate --child net --timeout 6 ;;
	*down) SWAN_PATIENCE=8 end_down ga ;;
	*) SWAN_PATIENCE=8 end_rekey ga "$1" ;;
	esac; }
pid_of() { # pid_of ROLE: into PID
	if [ "$1" = parent ]; then PID=$(daemon_pid "$OUR"); return; fi
	status; [[ $STATUS =~ processes:.*\ $1\ ([1-9][0-9]*) ]] && PID=${BASH_REMATCH[1]}; }
whole() { status; [[ $STATUS =~ processes:\ core\ [1-9].*\ fetch\ [1-9] ]]; }
# SAs in a kernel that its daemon does not list, into ORPHANS; larval ones have no SPI. A replaced one lingers for 5 s: the core has
# let go of it, the hand has not, and counts it.
orphans() {
	local rest list; status "$1"; list=$(ctl "$1" --json list); rest=$(ip -n "$1" xfrm state); ORPHANS='' SAS=0
	while [[ $rest =~ spi\ 0x([0-9a-f]*)\ (.*) ]]; do
		rest=${BASH_REMATCH[2]}; SAS=$((SAS+1))
		[[ ${BASH_REMATCH[1]} = 00000000 || $list == *"\"${BASH_REMATCH[1]}\""* ]] || ORPHANS="$ORPHANS ${BASH_REMATCH[1]}"
	done
	[[ $STATUS != *"kernel SAs $SAS, "* ]] || ORPHANS=''; }
known() { orphans "$OUR"; [ -z "$ORPHANS" ]; }
no_orphans() { # no_orphans NS: none that is there at two looks, for what is being made or closed at this moment is none
	local first o; orphans "$1"; first=$ORPHANS; [ -n "$first" ] || return 0
	nap; orphans "$1"
	for o in $ORPHANS; do case "$first " in *" $o "*) ORPHANS=$o; return 1 ;; esac; done; }
flows() { local e last; for e in ha hb; do
		{ read -r _ _ _ _ _ _ _ _ _ _ _ last < "$W/stream-$e"; } 2>/dev/null && [ "$((10#$last))" -lt 250 ] || return 1; done; }
steady() { flows && known && [[ $STATUS =~ processes:\ core\ [1-9].*\ fetch\ [1-9] ]]; }
explain() { # why it is not steady
	note "silent for ms: from ha $(stream_of ha silent), from hb $(stream_of hb silent); orphans: ${ORPHANS:-none}"
	note "status: ${STATUS//$'\n'/; }"
	tail -n 20 "$W/charon-$OUR/log" | sed 's/^/# ours: /'; tail -n 20 "$W/$peer-$THEIR/log" | sed 's/^/# theirs: /'; }
poll() { # poll SECONDS COMMAND...: as wait_for, but in this shell, and without forks of its own
	local n=$(( $1 * 10 )); shift
	while ! "$@"; do [ $((n--)) -gt 0 ] || return 1; nap; done; }
nap() { read -r -t 0.1 <> <(:) || :; }
within() { # within SECONDS MICROSECONDS COMMAND...: until so long after that moment
	local until=$(( $2 + $1 * 1000000 )); shift 2
	while ! "$@"; do [ "${EPOCHREALTIME/./}" -lt $until ] || return 1; nap; done; }
after_ms() { echo $(( (${EPOCHREALTIME/./} - $1) / 1000 )); }
turn() { # another configuration: the child's replay window, there and back
	local f=$W/charon-$OUR/charon.yaml
	if grep -q 'replay_window: 256' "$f"; then sed -i 's/, replay_window: 256//' "$f"
	else sed -i 's/ net: { / net: { replay_window: 256, /; s/replay_window: 256, \(.*\) }$/\1, replay_window: 256 }/' "$f"; fi; }
before() { # what comes before the phase
	[ "$1" != establish ] || order down >/dev/null 2>&1; }
act() { # the phase itself
	case $1 in
	start) pid_of parent; kill -KILL "$PID" 2>/dev/null; sleep 0.3; poll 5 whole ;;
	establish) order up ;;
	rekey) order child; sleep 0.3 ;;
	ike) order ike; sleep 0.3 ;;
	delete) order down; sleep 0.1 ;;
	reload) turn; ctl "$OUR" reload; sleep 0.4 ;;
	esac >/dev/null 2>&1; }
after() { # an operator who ordered `down` wants it up again
	[ "$1" != delete ] || { poll 3 whole; order up >/dev/null 2>&1; }; }
fork_of() { case $1 in parent) echo 0 ;; hand) echo 1 ;; vault) echo 2 ;; judge) echo 3 ;; fetch) echo 4 ;; core) echo 5 ;; esac; } # crew_start()
hunt() { # hunt PHASE ROLE N: does the phase under lab_kill; at the SIGKILL it is back, with the phase still under way in ACT. What it says is in $W/hunted
	local p
	: > "$W/hunted"; HUNTER=''
	if [ "$1" = start ]; then echo "$(fork_of "$2") $3" > "$W/hunt"
	else
		PID=''; pid_of "$2"; p=$PID; [ -n "$p" ] || { nok "$1:$2:$3: the process is there"; return 1; }
		"$LABBIN/lab_kill" "$p" "$3" >"$W/hunted" 2>&1 & HUNTER=$!
		wait_for 5 grep -q ready "$W/hunted" || { nok "$1:$2:$3: $(cat "$W/hunted")"; return 1; }
	fi
	act "$1" & ACT=$!
	while ! hit && kill -0 $ACT 2>/dev/null; do nap; done
	[ "$1" != start ] || hit || poll 2 hit # a daemon that has just begun goes on calling
	hit && KILLED_AT=${HIT##* } KILLED_AT=${KILLED_AT/./}; }
hit() { HIT=$(< "$W/hunted"); HIT=${HIT##*$'\n'}; [[ $HIT = *killed* ]]; }
acted() { # the phase has ended, and the hunter with it: nothing is traced any more
	wait "$ACT" 2>/dev/null
	[ -n "$HUNTER" ] || hit || kill -TERM "$(sed -n 's/^ready //p' "$W/hunted")"
	[ -z "$HUNTER" ] || { hit || kill -TERM "$HUNTER" 2>/dev/null; wait "$HUNTER" 2>/dev/null; }; }

# --- how many system calls each makes in each phase -----------------------------------
declare -A calls
measure() {
	local ph r p n
	for ph in $phases; do
		[ $ph != start ] || { calls[start:parent]=400 calls[start:hand]=330 calls[start:vault]=210 calls[start:judge]=190 calls[start:fetch]=220 calls[start:core]=250; continue; }
		for r in $roles; do # each alone: who is traced stops, and the parent hears of that
			poll 20 steady; before $ph; pid_of $r; : > "$W/counted"
			"$LABBIN/lab_kill" "$PID" 0 >"$W/counted" 2>&1 & p=$!
			wait_for 5 grep -q ready "$W/counted"; act $ph
			kill -TERM $p; wait $p; calls[$ph:$r]=$(sed -n 's/not reached: //p' "$W/counted")
			after $ph
		done
	done 2>/dev/null
	for ph in $phases; do n=''; for r in $roles; do n="$n $r ${calls[$ph:$r]:-0}"; done; note "system calls in $ph:$n"; done; }
all_points() { local ph r n; for ph in $phases; do for r in $roles; do for ((n = 1; n <= ${calls[$ph:$r]:-0}; n += stride)); do echo "$ph:$r:$n"; done; done; done; }
# every pair of phase and process equally often, the call at random
choose() { all_points | awk -F: -v seed="$seed" -v k="$1" 'BEGIN { srand(seed) }
	{ pair = $1 ":" $2; if (!(pair in n)) pairs[++m] = pair; n[pair]++ }
	END { for (i = m; i > 1; i--) { j = 1 + int(rand() * i); t = pairs[i]; pairs[i] = pairs[j]; pairs[j] = t }
		for (i = 0; i < k; i++) { p = pairs[1 + i % m]; print p ":" 1 + int(rand() * n[p]) } }'; }

# Where the clock does not stand still while processors work, it is not the daemon alone that is measured.
sum=1; t=${EPOCHREALTIME/./}; for x in {1..30000}; do sum=$((sum * x % 7919)); done
patience=1; [ "$(after_ms "$t")" -lt 5 ] || { patience=3; note "time passes here while processors work: all limits are threefold"; }
killed=0 unreached=0 slow_back=0
point() { # point PHASE:ROLE:N
	local ph r n from ms
	IFS=: read -r ph r n <<< "$1"
	poll 30 steady || { nok "$1: before it, all is well"; explain; return 1; }
	before "$ph"
	streams_anew
	hunt "$ph" "$r" "$n"
	if ! hit; then acted; unreached=$((unreached+1)); after "$ph"; return; fi
	killed=$((killed+1)) from=$KILLED_AT
	if [ "$ph" = delete ]; then acted; from=${EPOCHREALTIME/./}; streams_anew; after delete; else streams_anew; fi
	within $((2 * patience)) "$KILLED_AT" false # two seconds are over, whatever flows
	no_orphans "$OUR" || { nok "$1 ($HIT): no orphan SA 2 s after it: $ORPHANS"; poll 30 known && note "after $(after_ms "$KILLED_AT") ms"; }
	[ "$peer" != charon ] || no_orphans "$THEIR" || nok "$1 ($HIT): no orphan SA at the peer 2 s after it: $ORPHANS"
	within $(( ${limit:-3} * patience )) "$from" flows || { nok "$1 ($HIT): traffic is back within ${limit:-3} s"; poll 30 flows && note "after $(after_ms "$from") ms"; }
	ms=$(stream_of ha silent); [ "$(stream_of hb silent)" -le "$ms" ] || ms=$(stream_of hb silent)
	acted
	poll 20 whole || { nok "$1: begun anew"; return 1; }
	[ "$ms" -le $slow_back ] || slow_back=$ms
	[ "$(stat -c %s "$W/clear.pcap")" = 24 ] || { nok "$1: nothing in clear"; pcap "$W/clear.pcap" | head -n 5; rm -f "$W/clear.pcap"; capture inet netb "$W/clear.pcap" "$clear_filter"; }
	[ -z "${loud:-}" ] || note "$1 $HIT: silent for $ms ms at most"; }

if [ -n "${only:-}" ]; then echo "$only" > "$W/points"
else measure; if [ "$points" = all ]; then all_points; else choose "$points"; fi > "$W/points"; fi
note "seed $seed: $(tr '\n' ' ' < "$W/points" | cut -c1-1500)"
while read -r x <&3; do point "$x"; done 3< "$W/points"
note "counted: lab kill: $killed points of $(wc -l < "$W/points") ($unreached not reached), $phases x $roles, as $role with $peer, seed $seed, in $(ms "$LAB_T0") ms; traffic silent for $slow_back ms after the SIGKILL at most, no orphan SA 2 s after it"
check "at least three in four of the points were reached" test $((4 * killed)) -ge $((3 * $(wc -l < "$W/points")))
check "every process is there" poll 20 steady
check "no packet in clear" test "$(count "$W/clear.pcap" ip)" = 0
touch "$W/no-service"
finish
