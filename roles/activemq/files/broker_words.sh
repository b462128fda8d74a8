#!/bin/sh
# Prints the lines in which the broker says why its last start failed. At most 25 lines; nothing is changed.
#
# usage: broker_words.sh UNIT
set -u
journalctl --unit "$1" --lines 400 --no-pager --output cat 2>/dev/null |
    grep -E 'ERROR|WARN|Caused by|Exception|Error:|refus|ended before|[Tt]imed out|timeout|Failed|locked' |
    grep -vE '^\s+at |^WARNING: ' | awk '!seen[$0]++' | tail -n 25 | cut -c 1-300
