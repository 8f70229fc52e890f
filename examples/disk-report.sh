#!/bin/sh
# Publishes how full the disks are, from cron, with nothing but curl:
#
#   */5 * * * * PUBSUB_URL=http://127.0.0.1:8080 disk-report.sh disks
#
# Each line of `df` becomes a message of the topic: {"host": "web-1", "mount": "/", "used_percent": 42}.
# PUBSUB_API_KEY is sent if set. Exit status 0 if all were taken; else cron mails what curl says.
set -eu
url=${PUBSUB_URL:-http://127.0.0.1:8080}
topic=${1:?usage: disk-report.sh TOPIC}
host=$(hostname)

new_id() {
    cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr A-Z a-z
}

df -P | awk 'NR > 1 && $1 ~ "^/" { sub("%", "", $5); print $5, $6 }' | while read -r used mount; do
    # A retry may publish twice; subscribers can tell by the id, which stays the same.
    curl --silent --show-error --fail-with-body --output /dev/null --max-time 10 --retry 3 --retry-connrefused \
        ${PUBSUB_API_KEY:+--header "X-API-Key: $PUBSUB_API_KEY"} --header 'Content-Type: application/json' \
        --data "{\"id\":\"$(new_id)\",\"payload\":{\"host\":\"$host\",\"mount\":\"$mount\",\"used_percent\":$used}}" \
        "$url/topics/$topic/messages"
done
