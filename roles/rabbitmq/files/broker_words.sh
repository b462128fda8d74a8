#!/bin/sh
# Prints the lines in which the node says why its last start failed: its log first, then what systemd saw.
# At most 25 lines; nothing is changed.
set -u
latest=$(ls -t /var/log/rabbitmq/*.log /var/log/rabbitmq/startup_err 2>/dev/null | head -n 1)
{
    if [ -n "$latest" ]; then
        tail -n 400 "$latest" | grep -iE 'error|failed|refused|eaddrinuse|eacces|enoent|invalid|crash' | tail -n 15
    fi
    journalctl --unit rabbitmq-server --lines 60 --no-pager --output cat 2>/dev/null |
        grep -iE 'error|failed|boot|could not|timeout' | tail -n 10
} | grep -vE '^[[:space:]]*$|Crash dump is|unable to perform an operation' | awk '!seen[$0]++' | cut -c 1-300
