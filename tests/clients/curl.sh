#!/bin/sh
# As a person tries it in a terminal: a call, a stream, the models.
set -eu
ask() {
    curl --silent --show-error --fail-with-body -H "Authorization: Bearer $OPENAI_API_KEY" "$@"
}
ask "$OPENAI_BASE_URL/models" | grep -q "\"$MODEL\""
body="{\"model\": \"$MODEL\", \"messages\": [{\"role\": \"user\", \"content\": \"Which city?\"}]"
ask "$OPENAI_BASE_URL/chat/completions" -H "Content-Type: application/json" -d "$body}" | grep -q "Lisbon is the capital"
ask --no-buffer "$OPENAI_BASE_URL/chat/completions" -H "Content-Type: application/json" -d "$body, \"stream\": true}" |
    tail -n 2 | grep -q "data: \[DONE\]"
