#!/bin/sh
# Prints the lines in which the node says why its last start, or its last change, failed: its log first, then what systemd
# saw. At most 20 lines; nothing is changed.
set -u
log=$(ls -t /var/log/rabbitmq/*@*.log 2>/dev/null | grep -v '_upgrade[.]log$' | head -n 1)

# From the last boot on; the cause comes first, what it brought down after it. The middle of a listener's line is options.
from_the_log() {
    tac "$1" | awk '{ print } /Starting RabbitMQ/ { exit }' | tac |
        grep -E '\[(error|critical|emergency)\]' |
        sed -E 's/^[^<]*<[0-9.]+> *//; s/ in ranch_[a-z]+:listen[(].*[)] for reason/ for reason/' |
        grep -iE 'for reason|reason:|failed to|could not|could_not|boot failed|eaddr|eacces|enoent|invalid|refused|timeout' |
        grep -vE '^[{]|^[a-z]+[}]|=> |shutdown,$' | head -n 10
}

from_the_journal() {
    journalctl --unit rabbitmq-server --lines 60 --no-pager --output cat 2>/dev/null |
        grep -iE 'error|failed|boot|could not|timeout' | tail -n 8
}

{
    [ -z "$log" ] || from_the_log "$log"
    from_the_journal
} | grep -vE '^[[:space:]]*$|Crash dump is|unable to perform an operation' | awk '!seen[$0]++' | cut -c 1-300
