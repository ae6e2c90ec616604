#!/usr/bin/env bash
# Runs one program and, once it has ended, ends what it left in its process group.
# For Airflow's scheduler: a worker that was busy when SIGTERM came would stay behind.
trap : TERM INT
"$@" &
program=$!
wait "$program"; status=$?
while kill -0 "$program" 2>/dev/null; do wait "$program"; status=$?; done
left=$(pgrep -g $$ | grep -vx $$)
[ -z "$left" ] || kill -KILL $left 2>/dev/null
exit "$status"
