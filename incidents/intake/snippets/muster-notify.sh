#!/bin/sh
# Muster
#
# Tells Muster what Nagios, Icinga 2 or Checkmk notify of (Checkmk shows the line above as its name).
# It returns at once: what is to be told goes into a folder, and a process in the background sends
# it from there, in order, and tries again for as long as Muster does not answer.
#
#   muster-notify -t PROBLEM -l web-1 -s CRITICAL -o 'disk full' [-e disk] [-b who] [-c comment]
#   muster-notify -f    send what waits now, and say how that went
#
# The letters are those of Icinga 2's own mail scripts. Needs curl, flock and awk. It holds the key,
# so that only the user whom the monitoring runs as may read it.

# shellcheck disable=SC2012,SC2003 # the names listed are our own digits; $((008)) is no number

set -u
umask 077

MUSTER_URL=${MUSTER_URL:-'{url}'}
MUSTER_SPOOL=${MUSTER_SPOOL:-/var/spool/muster-notify}
# Seconds to connect and for a whole attempt (what was taken in but not answered in time is sent
# again), seconds between two attempts, and how many events may wait: then the oldest go.
MUSTER_CONNECT=${MUSTER_CONNECT:-3}
MUSTER_TIMEOUT=${MUSTER_TIMEOUT:-10}
MUSTER_PAUSE=${MUSTER_PAUSE:-10}
MUSTER_KEEP=${MUSTER_KEEP:-5000}

say() {
    printf 'muster-notify: %s\n' "$1" >&2
    logger -t muster-notify -- "$1" 2>/dev/null || :
}

# --- What happened -------------------------------------------------------------------------------

export LC_ALL=C
export muster_type='' muster_host='' muster_host_name='' muster_service='' muster_service_name=''
export muster_state='' muster_output='' muster_author='' muster_comment='' muster_changed=''
export muster_address='' muster_url='' muster_site=''

from_options() {
    while getopts 4:6:b:c:d:e:fi:l:n:o:r:s:t:u:v: letter; do
        case $letter in
            4 | 6) muster_address=${muster_address:-$OPTARG} ;;
            b) muster_author=$OPTARG ;;
            c) muster_comment=$OPTARG ;;
            d) muster_changed=$OPTARG ;;
            e) muster_service=$OPTARG ;;
            f) flush=yes ;;
            i) muster_url=$OPTARG ;;
            l) muster_host=$OPTARG ;;
            n) muster_host_name=$OPTARG ;;
            o) muster_output=$OPTARG ;;
            r | v) : ;; # the mail scripts' recipient and syslog switch
            s) muster_state=$OPTARG ;;
            t) muster_type=$OPTARG ;;
            u) muster_service_name=$OPTARG ;;
            *) exit 64 ;;
        esac
    done
}

from_checkmk() {
    muster_type=${NOTIFY_NOTIFICATIONTYPE:-}
    muster_host=${NOTIFY_HOSTNAME:-}
    muster_host_name=${NOTIFY_HOSTALIAS:-}
    muster_address=${NOTIFY_HOSTADDRESS:-}
    muster_author=${NOTIFY_NOTIFICATIONAUTHOR:-}
    muster_comment=${NOTIFY_NOTIFICATIONCOMMENT:-}
    muster_site=${OMD_SITE:-}
    if [ "${NOTIFY_WHAT:-HOST}" = SERVICE ]; then
        muster_service=${NOTIFY_SERVICEDESC:-}
        muster_state=${NOTIFY_SERVICESTATE:-}
        muster_output=${NOTIFY_SERVICEOUTPUT:-}
        muster_changed=${NOTIFY_LASTSERVICESTATECHANGE:-}
    else
        muster_state=${NOTIFY_HOSTSTATE:-}
        muster_output=${NOTIFY_HOSTOUTPUT:-}
        muster_changed=${NOTIFY_LASTHOSTSTATECHANGE:-}
    fi
}

# One line of JSON. The values come by the environment, which awk takes as they are: output of
# plugins holds whatever the monitored machine likes.
as_json() {
    awk '
        function quoted(text,    out, at, char) {
            out = ""
            for (at = 1; at <= length(text) && at <= 8000; at++) {
                char = substr(text, at, 1)
                out = out (char in escape ? escape[char] : char)
            }
            return "\"" out "\""
        }
        BEGIN {
            for (code = 1; code < 32; code++) escape[sprintf("%c", code)] = sprintf("\\u%04x", code)
            escape["\""] = "\\\""
            escape["\\"] = "\\\\"
            count = split("type host host_name service service_name state output author comment" \
                " changed address url site", names, " ")
            line = ""
            for (at_name = 1; at_name <= count; at_name++) {
                value = ENVIRON["muster_" names[at_name]]
                if (value != "") line = line ",\"" names[at_name] "\":" quoted(value)
            }
            print "{" substr(line, 2) "}"
        }'
}

# --- The folder it waits in ----------------------------------------------------------------------

# Lock 9 is held for a moment, to change what waits; lock 8 by the one process that sends.
open_spool() {
    if ! mkdir -p "$MUSTER_SPOOL/waiting" "$MUSTER_SPOOL/refused" 2>/dev/null ||
        ! [ -w "$MUSTER_SPOOL/waiting" ]; then
        fallback=${TMPDIR:-/tmp}/muster-notify-$(id -u)
        mkdir -p "$fallback" 2>/dev/null
        # Anybody may make a folder there; only our own is trusted.
        if [ -z "$(find "$fallback" -prune -type d -user "$(id -u)" 2>/dev/null)" ]; then
            say "Neither $MUSTER_SPOOL nor $fallback can be written to. Nothing is sent."
            exit 73
        fi
        say "$MUSTER_SPOOL cannot be written to; $fallback is used instead."
        MUSTER_SPOOL=$fallback
        mkdir -p "$MUSTER_SPOOL/waiting" "$MUSTER_SPOOL/refused"
    fi
    exec 8>>"$MUSTER_SPOOL/sending" 9>>"$MUSTER_SPOOL/lock"
}

put() {
    flock 9
    newest=$(ls "$MUSTER_SPOOL/waiting" | tail -n 1)
    name=$(printf '%012d' "$(expr "${newest:-0}" + 1)")
    printf '%s\n' "$1" >"$MUSTER_SPOOL/new" && mv "$MUSTER_SPOOL/new" "$MUSTER_SPOOL/waiting/$name"
    is_put=$?
    excess=$(($(ls "$MUSTER_SPOOL/waiting" | wc -l) - MUSTER_KEEP))
    if [ "$excess" -gt 0 ]; then
        say "More than $MUSTER_KEEP events wait. The oldest is dropped."
        ls "$MUSTER_SPOOL/waiting" | head -n "$excess" | while read -r oldest; do
            rm -f "$MUSTER_SPOOL/waiting/$oldest"
        done
    fi
    flock -u 9
    return "$is_put"
}

is_empty() {
    [ -z "$(ls "$MUSTER_SPOOL/waiting")" ]
}

# --- Sending -------------------------------------------------------------------------------------

# The address goes in by a pipe: arguments can be read by everybody on the machine.
send() {
    status=$(printf 'url = "%s"\n' "$MUSTER_URL" | curl --silent --config - \
        --connect-timeout "$MUSTER_CONNECT" --max-time "$MUSTER_TIMEOUT" \
        --header 'Content-Type: application/json' --data-binary "@$1" \
        --output /dev/null --write-out '%{http_code}' 8>&- 9>&-)
    case $status in
        2??) rm -f "$1" ;;
        400 | 413 | 422)
            # It would be refused for ever, and hold up what comes after it.
            mv "$1" "$MUSTER_SPOOL/refused/$(date +%s)-${1##*/}"
            say "Muster refused an event ($status); it is kept in $MUSTER_SPOOL/refused."
            ;;
        *) return 1 ;; # nobody there, overloaded, or the key is wrong: that can be mended
    esac
}

send_waiting() {
    for file in "$MUSTER_SPOOL"/waiting/*; do
        [ -e "$file" ] || continue
        send "$file" || return 1
    done
}

keep_sending() {
    trap '' HUP
    is_told=
    while :; do
        if send_waiting; then
            # Nothing can be put meanwhile, so that nobody relies on us after we looked.
            flock 9
            if is_empty; then
                flock -u 8
                return
            fi
            flock -u 9
        else
            [ -n "$is_told" ] || say "Muster does not take events (answer $status). They wait."
            is_told=yes
            sleep "$MUSTER_PAUSE" 8>&- 9>&-
        fi
    done
}

# -------------------------------------------------------------------------------------------------

flush=
if [ "$#" -eq 0 ] && [ -n "${NOTIFY_HOSTNAME:-}" ]; then
    from_checkmk
else
    from_options "$@"
fi
if [ -z "$flush" ] && [ -z "$muster_host" ]; then
    say "Which host? Give it with -l."
    exit 64
fi
open_spool
if [ -z "$flush" ]; then
    muster_changed=${muster_changed:-$(date +%s)}
    put "$(as_json)" || say "$MUSTER_SPOOL is full or broken. The event of $muster_host is lost."
fi
if ! flock -n 8; then
    [ -z "$flush" ] || say "Another process is sending. Waiting: $(ls "$MUSTER_SPOOL/waiting" | wc -l)"
    exit 0
fi
result=0
if [ -n "$flush" ] && ! send_waiting; then
    say "Muster does not take events (answer $status). Check the address, and the network."
    result=1
fi
# With `exec`, since a shell keeps what it will put back: the monitoring would wait for its pipe.
(
    exec </dev/null >/dev/null 2>&1
    keep_sending
) &
exit "$result"
