#!/bin/sh
# Send tasks and read results with kcat. Usage:
#   sh client.sh send SERVERS < tasks.jsonl      (each line begins with the id: {"id": "q-1", …})
#   sh client.sh results SERVERS [COUNT]
set -eu

# The key is the task's id. kcat's own partitioner would put it where the orchestrator does not expect it.
send() {
    tab=$(printf '\t')
    sed -E "s/^\{\"id\": *\"([^\"]*)\".*/\1$tab&/" |
        kcat -P -b "$1" -t tasks -K "$tab" -X partitioner=murmur2_random -X acks=all
}

# Print all results that there are, or wait until there are COUNT: key, a space, and the JSON.
results() {
    if [ $# -gt 1 ]; then
        kcat -C -q -b "$1" -t results -o beginning -c "$2" -f '%k %s\n'
    else
        kcat -C -q -b "$1" -t results -o beginning -e -f '%k %s\n'
    fi
}

"$@"
