#!/bin/bash
# Registration, login and logout as old and new clients do them over HTTP, and
# what strangers may learn from the answers: nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/lib.sh

name=$(unique ann) other=$(unique bob)
mail=$name@example.org
secret="correct horse battery"

init() { # ROUTE NAME PASSWORD [MAIL]
	json "/auth/$1/init" "$(jq -nc --arg n "$2" --arg p "$3" \
	    --arg m "${4:-}" '{Username: $n, Password: $p} +
	    if $m == "" then {} else {Email: $m} end')"
}
verify() { # ROUTE MAIL CODE
	json "/auth/$1/verify" "$(jq -nc --arg m "$2" --arg c "$3" \
	    '{email: $m, code: $c}')"
}

# Everything that differs between two answers, but for what names the request.
answer() {
	printf '%s %s\n' "$code" "$(jq -cS 'del(.request_id, .instance, .transaction)' \
	    <<<"$body" 2>/dev/null || printf '%s' "$body")"
}

token=
init register "$name" "$secret" "$mail"
fresh=$(answer)
is "register: init" "$code" 200
first=$(newest_code "$mail")
like "the code is in the outbox when the answer is there" "$first" '^[0-9]{6}$'
verify register "$mail" 000000
wrong=$(answer)
is "a wrong code is refused" "$code" 401
verify register "nobody@example.org" 000000
is "one for nobody looks the same" "$(answer)" "$wrong"
verify register "$mail" "$first"
is "register: verify" "$code" 200
is "it names the user" "$(field username)" "$name"
verify register "$mail" "$first"
is "a code works once" "$(answer)" "$wrong"

init register "$name" "$secret" "$other@example.org"
is "a taken name is answered like a free one" "$(answer)" "$fresh"
init register "$other" "$secret" "$mail"
is "so is a taken address" "$(answer)" "$fresh"

init login "$name" "not the password"
wrong=$(answer)
is "a wrong password is refused" "$code" 401
init login "$other" "not the password"
is "an unknown user looks the same" "$(answer)" "$wrong"
init login "$name" short
is "so does a password that nobody can have" "$(answer)" "$wrong"

init login "${name^^}" "$secret"
is "login: init" "$code" 200
old=$(newest_code "$mail")
init login "$name" "$secret"
is "login: init again, at once" "$code" 200
new=$(newest_code "$mail")
if [ "$old" != "$new" ]; then
	verify login "$mail" "$old"
	is "the new code replaces the old one" "$code" 401
fi
verify login "$mail" "$new"
is "login: verify" "$code" 200
token=$(field token)

http GET /api/files
is "the token opens the door" "$code" 200
good=$token token=${token%?}
http GET /api/files
is "a cut one does not" "$code" 401
token=$good
http POST /auth/logout
is "logout" "$code" 200
http GET /api/files
is "the token is worth nothing, at once" "$code" 401
token=

for request in '{"username":"x y","password":"12345678","email":"a@b"}' \
    '{"username":"x","password":"1234567","email":"a@b"}' \
    '{"username":"x","password":"12345678","email":"a@b\r\nBcc: c@d"}' \
    '{"username":"x","password":"12345678"}' \
    '{"username":1,"password":"12345678","email":"a@b"}'; do
	json /auth/register/init "$request"
	is "400: ${request//\\/}" "$code" 400
	like "  with a sentence" "$(field error)" '.{10,}'
done

# More at once than hashes run and wait: told when to come back, and every one
# of them gets an answer.
dir=$(mktemp -d)
for i in $(seq 60); do
	curl -s -o /dev/null -D "$dir/$i" -H 'Content-Type: application/json' \
	    -d "{\"username\":\"$other$i\",\"password\":\"12345678\"}" \
	    "$NEXUS_URL/auth/login/init" &
done
wait
served=$(grep -l '^HTTP/1.1 401' "$dir"/* | wc -l)
busy=$(grep -lE '^HTTP/1.1 (429|503)' "$dir"/* | wc -l)
retry=$(grep -li '^Retry-After: [0-9]' \
    $(grep -lE '^HTTP/1.1 (429|503)' "$dir"/*) /dev/null | wc -l)
is "60 logins at once: all are answered" "$((served + busy))" 60
is "who is turned away is told when to come back" "$retry" "$busy"
rm -rf "$dir"
init login "$name" "$secret"
is "after it, a login works" "$code" 200

# A second client that shows what the answers gave it: its login is its own.
transaction=$(field transaction)
like "an answer names the transaction" "$transaction" '^[0-9a-f]{32}$'
third=$(newest_code "$mail")
json /auth/login/verify "$(jq -nc --arg m "$mail" --arg c "$third" \
    --arg t "$transaction" '{Email: $m, Code: $c, Transaction: $t}')"
is "which verify takes" "$code" 200
device=$(field device)
like "and marks the device" "$device" '^[0-9a-f]{64}$'

# The header says what the sentence says.
for i in $(seq 40); do
	http POST /auth/login/init -D "$NEXUS_DIR/head" \
	    -H 'Content-Type: application/json' \
	    -d "{\"username\":\"$name\",\"password\":\"not the password\"}"
	[ "$code" = 401 ] || break
done
is "wrong passwords come to an end" "$code" 429
wait=$(sed -n 's/^Retry-After: \([0-9]*\).*/\1/pI' "$NEXUS_DIR/head")
like "the wait in the header is that in the sentence" "$(field error)" \
    " in $wait seconds"
init login "$name" "$secret"
is "for the right one, too" "$code" 429
json /auth/login/init "$(jq -nc --arg n "$name" --arg p "$secret" \
    --arg d "$device" '{Username: $n, Password: $p, Device: $d}')"
is "but not for the device that signed in before" "$code" 200
done_testing
