#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab-run: -m 1G -t 3600
# Rekeying is hitless: Child SA and IKE SA are rekeyed as fast as they complete, by both ends where both are ours, under numbered UDP
# packets both ways. Not one is lost; memory, descriptors and the kernel's SAs are in the last third of the run what they were in the first.
#   n=200       rekeys of the Child SA, and of the IKE SA one for ten of them (10000: the full size)
#   pps=1000    packets a second each way that are asked for; a guest sends some less, so at the full size 2000, of which 1000 must leave
n=${n:-200}
pps=${pps:-$([ "$n" -ge 10000 ] && echo 2000 || echo 1000)}
. /lab/lib.sh
parameters "$@"
[ "$us" = charon ] || { note "our own rekeys: nothing to do"; finish; }
topology
start_both
check "tunnel" end_up ga || finish
check "gb has it too" wait_for 10 has_children gb
check "ha pings hb" pings ha "$HB"
for s in ha ga inet gb hb; do in_ns $s bash -c 'echo 20000 > /proc/sys/net/core/netdev_max_backlog' 2>/dev/null; done
capture inet netb "$W/clear.pcap" "$clear_filter"
streams_start "$pps"

ends=$OUR; [ "$peer" != charon ] || ends="ga gb"
processes() { # processes NS: name and pid of each
	charon "$1" status | sed -n 's/^processes: *//p' | xargs -n 2; echo "parent $(daemon_pid "$1")"; }
settled() { [ "$(ip -n "$1" xfrm state | grep -c '^src')" -le 2 ]; }
sample() { # sample CHUNK: what each process holds, in KiB and descriptors; SAs in the kernel, once replaced ones have lingered
	local e name pid
	for e in $ends; do
		wait_for 8 settled "$e"
		while read -r name pid; do
			echo "$1 $e $name $(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup") $(awk '/\[heap\]/ {h = 1; next} h && /^Size:/ {print $2; exit}' "/proc/$pid/smaps") $(ls "/proc/$pid/fd" | wc -l)"
		done < "$W/processes-$e"
		echo "$1 $e kernel $(ip -n "$e" xfrm state | grep -c '^src') 0 0"
	done >> "$W/samples"; }
for e in $ends; do processes $e > "$W/processes-$e"; done

chunks=30; [ "$n" -ge 300 ] || chunks=6
per=$(( (n + chunks - 1) / chunks )) done_child=0 done_ike=0 slowest=0 t=$(date +%s.%N)
for c in $(seq 1 $chunks); do
	e=$OUR; [ "$peer" = charon ] && [ $((c % 2)) = 0 ] && e=$THEIR
	if ! "$LABBIN/lab_rekey" "$W/charon-$e/control" s2s net $per 10 >"$W/rekeys" 2>&1; then nok "rekeys of part $c: $(cat "$W/rekeys")"; break; fi
	read -r _ a _ b _ s < "$W/rekeys"
	done_child=$((done_child + a)) done_ike=$((done_ike + b)); [ "$s" -le $slowest ] || slowest=$s
	sample "$c"
done
took=$(ms "$t")
sent=$(( $(stream_of ha sent) + $(stream_of hb sent) ))
sleep 1
streams_stop
for e in ga gb; do note "$e: $(in_ns $e awk '$2 > 0 {printf " %s %s", $1, $2}' /proc/net/xfrm_stat)"; done
check "$n rekeys" test $done_child -ge "$n"
note "counted: lab hitless: $done_child Child rekeys, $done_ike IKE rekeys with $peer, in $((took / 1000)) s, slowest $slowest ms; $STREAM_TEXT"
# a guest has one processor for both ends and both streams
least=$([ "$n" -ge 10000 ] && echo 2000 || echo "$pps")
check "at least $least packets a second were on their way ($((sent * 1000 / (took + 1))))" test $((sent * 1000)) -ge $((least * took))
check "an IKE SA rekey for ten of the Child SA's, nearly" test $((done_ike * 20)) -ge "$n"
check "no packet was lost" test "$STREAM_LOST" = 0
check "none came twice" test "$STREAM_TWICE" = 0
check "no packet in clear" test "$(count "$W/clear.pcap" ip)" = 0

# the largest of the first third and of the last, of each process: memory, heap, descriptors; the kernel's SAs
awk -v last="$chunks" '
function most(k, v) { if (!(k in m) || v > m[k]) m[k] = v }
{ third = $1 <= last / 3 ? 1 : $1 > last - last / 3 ? 3 : 0; if (!third) next
  who = $2 " " $3; seen[who] = 1; most(who " p" third, $4); most(who " h" third, $5); most(who " f" third, $6) }
END { for (w in seen) print w, m[w " p1"], m[w " p3"], m[w " h1"], m[w " h3"], m[w " f1"], m[w " f3"] }' "$W/samples" | sort > "$W/thirds"
sed 's/^/# first and last third, PSS heap descriptors (KiB): /' "$W/thirds"
flat() { # flat COLUMN TOLERANCE
	awk -v c="$1" -v t="$2" '$2 != "kernel" && $(c + 1) > $c + t { print; bad = 1 } END { exit bad }' "$W/thirds"; }
check "memory is flat (PSS, within 128 KiB a process)" flat 3 128
check "the heaps are flat (within 132 KiB)" flat 5 132
check "descriptors are flat" flat 7 0
check "after each part the kernel has one pair of SAs" awk '$3 == "kernel" && $4 != 2 { print; bad = 1 } END { exit bad }' "$W/samples"
for e in $ends; do check "the daemon of $e and its processes are the same" bash -c "diff <(sort $W/processes-$e) <($(declare -f processes charon daemon_pid); W=$W CTL=$CTL; processes $e | sort)"; done
finish
