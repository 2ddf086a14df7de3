# Turns the written limits of the .proto files into C tables. A string, bytes
# or repeated field without one stops the build: see proto/envelope.proto.
# "path", "bucket" and "key" beside it say what the field names: see
# common/place.h.
#
#	awk -f limits.awk envelope.proto auth.proto ... > limits.c

function lower(s,   out, i, c) { # protobuf-c's own rule: FileInfo -> file_info
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		out = out (c ~ /[A-Z]/ && i > 1 ? "_" : "") tolower(c)
	}
	return out
}
function limit(key,   m) {
	if (!match($0, key " [0-9]+"))
		return 0
	m = substr($0, RSTART + length(key) + 1, RLENGTH - length(key) - 1)
	return m + 0
}
function place(   text, words, n, i, w) {
	if (!match($0, /\[[^\]]*\]/))
		return "NX_NAMES_NOTHING"
	text = substr($0, RSTART + 1, RLENGTH - 2)
	n = split(text, words, /, */)
	for (i = 1; i <= n; i++) {
		w = words[i]
		if (w == "path" || w == "bucket" || w == "key" || w == "inner")
			return "NX_NAMES_" toupper(w)
	}
	return "NX_NAMES_NOTHING"
}
function move(m, from, to) {
	tags[m, to] = tags[m, from]
	rows[m, to] = rows[m, from]
	types[m, to] = types[m, from]
}
BEGIN {
	print "/* Generated from proto/*.proto by proto/limits.awk. */"
	print "#include \"common/limits.h\""
}
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name); sub(/\.proto$/, "", name)
	printf "#include \"proto/%s.pb-c.h\"\n", name
}
/^message / { message = $2; fields = 0; next }
/^}/ && message != "" {
	order[++messages] = message; count[message] = fields
	message = ""
	next
}
message != "" && /=/ && $1 !~ /^\/\// {
	repeated = $1 == "repeated"
	type = repeated ? $2 : $1
	field = repeated ? $3 : $2
	tag = $0; sub(/;.*/, "", tag); sub(/.*= */, "", tag)
	max = limit("max"); n = limit("count")
	if ((type == "string" || type == "bytes") && !max ||
	    repeated && !n) {
		printf "%s:%d: %s has no written limit\n", FILENAME, FNR, \
		    field > "/dev/stderr"
		failed = 1
		exit 1
	}
	# In the order of tags, as a descriptor has them.
	for (j = ++fields; j > 1 && tags[message, j - 1] > tag + 0; j--)
		move(message, j - 1, j)
	tags[message, j] = tag + 0
	rows[message, j] = max ", " n ", " place()
	types[message, j] = type
}
# A row for each field that has a limit, or is a message: its limits are where
# the table has them.
function print_link(type) {
	if (type in at)
		printf "&nx_limits[%d]}", at[type]
	else
		printf "NULL}"
}
function print_rows(m,   j, n, type) {
	printf "static const struct nx_field_limit limits_%s[] = {", lower(m)
	for (j = 1; j <= count[m]; j++) {
		type = types[m, j]
		if (!(type in at) && rows[m, j] ~ /^0, 0, /)
			continue
		printf "%s{%d, %s, ", (n++ ? ", " : ""), tags[m, j], rows[m, j]
		print_link(type)
	}
	print (n ? "" : "{0}") "};"
	return n + 0
}
END {
	if (failed)
		exit 1
	for (i = 1; i <= messages; i++)
		at[order[i]] = i - 1
	for (i = 1; i <= messages; i++)
		limits[i] = print_rows(order[i])
	print "const struct nx_message_limits nx_limits[] = {"
	for (i = 1; i <= messages; i++)
		printf "\t{&nx__%s__descriptor, limits_%s, %d},\n", \
		    lower(order[i]), lower(order[i]), limits[i]
	print "};"
	print "const size_t nx_limits_count ="
	print "    sizeof(nx_limits) / sizeof(nx_limits[0]);"
}
