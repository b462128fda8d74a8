#!/bin/sh
# Has the relay itself judge its candidate declaration.
#
# usage: check_relay.sh STAGE PROGRAM DECLARATION
# exit code 0: it takes it; 1: it does not, and standard output says why.
set -u
unset CREDENTIALS_DIRECTORY
said=$(/usr/bin/python3 -I -B "$2" --check "$1$3" 2>&1) && exit 0
printf '%s\n' "$said" | sed "s|$1||g"
exit 1
