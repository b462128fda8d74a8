#!/bin/sh
# Has HAProxy itself judge a candidate configuration.
#
# usage: check_config.sh STAGE
# exit code 0: it takes it; 1: it does not, and standard output says why.
set -u
said=$(haproxy -c -f "$1/etc/haproxy/haproxy.cfg" 2>&1) && exit 0
echo "HAProxy refuses the configuration; correct the variable (haproxy_global_lines or haproxy_more_sections, if a line is theirs):"
printf '%s\n' "$said" | sed -n 's/^\[ALERT\][^:]*: *//p' | grep -v -e 'Error(s) found' -e 'Fatal errors found' | head -n 10
exit 1
