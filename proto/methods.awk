# Turns the `rpc` lines of the .proto files into the table of methods and into
# typed C, so that a method is written once. protoc-c reads the same lines and
# so knows that the messages exist; what is said in square brackets behind a
# service or an rpc is ours:
#
#	service Files { // [to storage]
#		rpc FileStat (FileRequest) returns (FileInfo);
#		// [number 204, from gateway admin, ticket read, idempotent]
#
#	to ROLES	who serves it
#	number N	on the wire, never used again for another one
#	from ROLES	who may call it; everybody: every role but switch
#	ticket RIGHT	a gateway needs a ticket with it: read write nodes functions
#	creates		a ticket with the right to create will do; the handler
#			sees to it that nothing is replaced (common/hub.h)
#	takes N KIND	descriptors of the request, N or LOW-HIGH of them
#	answers N KIND	descriptors of the reply, at most
#	idempotent	may be sent again on a new pair
#
#	awk -v make=numbers	proto/methods.h: enum Nx__Method
#	awk -v make=table	proto/methods.c: nx_methods[]
#	awk -v make=calls	proto/FAMILY.rpc.h of one .proto: nx_ask_*, nx_answer_*
#	awk -v make=serve.h -v program=P	proto/serve_P.h: serve_* to implement
#	awk -v make=serve.c -v program=P	proto/serve_P.c: its table of handlers

function die(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}
function snake(s,   out, i, c) { # protobuf-c's own rule: FileInfo -> file_info
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		out = out (c ~ /[A-Z]/ && i > 1 ? "_" : "") tolower(c)
	}
	return out
}
function roles(words,   n, i, w, out) {
	if (words == "everybody")
		words = "gateway admin node storage auth net mail"
	n = split(words, w, " ")
	for (i = 1; i <= n; i++) {
		if (!(w[i] in role_of))
			die("no such role: " w[i])
		out = out (i > 1 ? " | " : "") \
		    "NX_ROLE_BIT(NX_ROLE_" toupper(w[i]) ")"
	}
	return n ? out : die("no role")
}
# "3 any" or "1-2 memfd"
function descriptors(words, m, kind,   w, range, n) {
	if (split(words, w, " ") != 2 || w[1] !~ /^[0-9]+(-[0-9]+)?$/)
		die("not a number and a kind: " words)
	n = split(w[1], range, "-")
	if (kind == "takes")
		return sprintf(", .fds_min = %d, .fds_max = %d, .fd_kind = NX_FD_%s", \
		    range[1], range[n], toupper(w[2]))
	answers[m] = range[n]
	return sprintf(", .reply_fds_max = %d, .reply_fd_kind = NX_FD_%s", \
	    range[n], toupper(w[2]))
}
function rule(m, word, rest) {
	if (word == "number" && rest ~ /^[0-9]+$/) {
		if (rest in taken)
			die("number " rest " is " taken[rest] "'s")
		taken[rest] = name[m]
		number[m] = rest + 0
	} else if (word == "from")
		from[m] = roles(rest)
	else if (word == "ticket" && rest ~ /^(read|write|nodes|functions|sandboxes)$/)
		more[m] = more[m] sprintf(", .ticket = NX_NEEDS_TICKET," \
		    " .rights = NX_RIGHT_%s", toupper(rest))
	else if (word == "creates" && rest == "")
		more[m] = more[m] ", .creates = true"
	else if (word == "unlocks" && rest == "")
		more[m] = more[m] ", .unlocks = true"
	else if (word == "within" && rest == "")
		more[m] = more[m] ", .within = true"
	else if (word == "takes" || word == "answers")
		more[m] = more[m] descriptors(rest, m, word)
	else if (word == "idempotent" && rest == "")
		more[m] = more[m] ", .idempotent = true"
	else
		die("not a rule of a method: " word " " rest)
}
function rules(m, text,   n, i, r, w) {
	n = split(text, r, /, */)
	for (i = 1; i <= n; i++) {
		w = r[i]; sub(/ .*/, "", w); sub(/^[^ ]* ?/, "", r[i])
		rule(m, w, r[i])
	}
	if (!number[m] || !from[m])
		die(name[m] " has no number, or nobody may call it")
}
function complete() {
	if (methods && !number[methods])
		die(name[methods] " has no rules")
}
BEGIN {
	split("switch gateway storage node net auth mail admin", known, " ")
	for (i in known)
		role_of[known[i]] = 1
	# who serves a role, and what its handlers get
	program_of["switch"] = "nexusd"; context["nexusd"] = "switchboard"
	program_of["storage"] = "storaged"; context["storaged"] = "storaged"
	program_of["node"] = "nodemgr"; context["nodemgr"] = "nodemgr"
	program_of["net"] = "netd"; context["netd"] = "netd"
	program_of["auth"] = "authd"; context["authd"] = "authd"
	program_of["mail"] = "maild"; context["maild"] = "maild"
}
FNR == 1 {
	family = FILENAME
	sub(/.*\//, "", family); sub(/\.proto$/, "", family)
	families[++n_families] = family
}
/^service / {
	if (!match($0, /\[to [a-z ]+\]/))
		die("a service without [to ROLE]")
	callees = substr($0, RSTART + 4, RLENGTH - 5)
	roles(callees)
	next
}
/^\trpc / {
	complete()
	line = $0; gsub(/[();]/, " ", line)
	if (split(line, word, " ") != 5 || word[4] != "returns")
		die("not rpc Name (Request) returns (Reply);")
	m = ++methods
	name[m] = toupper(snake(word[2]))
	request[m] = word[3]; reply[m] = word[5]
	to[m] = callees; in_family[m] = family
	next
}
/^\t\/\/ / && methods && !number[methods] {
	text = $0; sub(/^\t\/\/ */, "", text)
	open = open (open ? " " : "") text
	if (open !~ /\]$/)
		next
	gsub(/[][]/, "", open)
	rules(methods, open)
	open = ""
}
END {
	if (failed)
		exit 1
	complete()
	print "/* Generated from proto/*.proto by proto/methods.awk. */"
	if (make == "numbers")
		numbers()
	else if (make == "table")
		table()
	else if (make == "calls")
		calls()
	else if (make == "serve.h")
		serve_h()
	else
		serve_c()
}
function c_type(message) { return "Nx__" message }
function descriptor(message) { return "nx__" snake(message) "__descriptor" }

function numbers(   m) {
	print "#ifndef NX_PROTO_METHODS_H\n#define NX_PROTO_METHODS_H\n"
	print "typedef enum {\n\tNX__METHOD__NONE = 0,"
	for (m = 1; m <= methods; m++)
		printf "\tNX__METHOD__%s = %d,\n", name[m], number[m]
	print "} Nx__Method;\n\n#endif"
}

function includes(suffix,   i) {
	for (i = 1; i <= n_families; i++)
		printf "#include \"proto/%s.%s.h\"\n", families[i], suffix
}

function table(   m) {
	print "#include \"common/method.h\"\n#include \"common/ticket.h\""
	includes("pb-c")
	print "\nconst struct nx_method nx_methods[] = {"
	for (m = 1; m <= methods; m++) {
		printf "\t{.method = NX__METHOD__%s, .name = \"%s\",\n", \
		    name[m], name[m]
		printf "\t    .request = &%s, .reply = &%s,\n", \
		    descriptor(request[m]), descriptor(reply[m])
		printf "\t    .callers = %s,\n\t    .callees = %s%s},\n", \
		    from[m], roles(to[m]), more[m]
	}
	print "};\nconst size_t nx_methods_count ="
	print "    sizeof(nx_methods) / sizeof(nx_methods[0]);"
}

# The message of @body when it is one, NULL when there is none. Two families may
# speak of the same one.
function as(message) {
	if (message == "Empty" || message in told)
		return
	told[message] = 1
	printf "\n#ifndef NX_AS_%s\n#define NX_AS_%s", toupper(snake(message)), \
	    toupper(snake(message))
	printf "\nstatic inline const %s *\nnx_as_%s(const ProtobufCMessage *body)\n", \
	    c_type(message), snake(message)
	printf "{\n\tnx_message_is(body, &%s);\n", descriptor(message)
	printf "\treturn (const %s *)(const void *)body;\n}\n", c_type(message)
	print "#endif"
}

function ask(m,   several, args, body, role) {
	several = !(to[m] in role_of)
	role = several ? "to" : "NX_ROLE_" toupper(to[m])
	args = several ? "enum nx_role to" : ""
	body = "&nx_empty.base"
	if (request[m] != "Empty") {
		args = args (args ? ", " : "") "const " c_type(request[m]) " *q"
		body = "&q->base"
	}
	printf "\nstatic inline struct nx_ask\nnx_ask_%s(%s)\n", \
	    tolower(name[m]), args ? args : "void"
	printf "{\n\treturn (struct nx_ask){\n\t    %s, NX__METHOD__%s, %s};\n}\n", \
	    role, name[m], body
}

function answer(m,   args, body, fds) {
	args = "struct nx_request *r"
	body = "&nx_empty.base"
	fds = "NULL, 0"
	if (reply[m] != "Empty") {
		args = args ", const " c_type(reply[m]) " *reply"
		body = "&reply->base"
	}
	if (answers[m]) {
		args = args ", const int *fds, size_t n_fds"
		fds = "fds, n_fds"
	}
	printf "\nstatic inline void\nnx_answer_%s(%s)\n", tolower(name[m]), args
	printf "{\n\tnx_answer(r, %s, %s);\n}\n", body, fds
}

function calls(   m, guard) {
	guard = "NX_PROTO_" toupper(family) "_RPC_H"
	printf "#ifndef %s\n#define %s\n\n#include \"common/hub.h\"\n", \
	    guard, guard
	includes("pb-c")
	for (m = 1; m <= methods; m++) {
		as(request[m])
		as(reply[m])
		ask(m)
		answer(m)
	}
	print "\n#endif"
}

function served(m) { # by @program, in one of its roles
	n = split(to[m], w, " ")
	for (j = 1; j <= n; j++)
		if (program_of[w[j]] == program)
			return 1
	return 0
}

function serve_h(   m, guard, args, i) {
	guard = "NX_PROTO_SERVE_" toupper(program) "_H"
	printf "#ifndef %s\n#define %s\n\n", guard, guard
	for (m = 1; m <= methods; m++)
		if (served(m) && !(in_family[m] in told)) {
			told[in_family[m]] = 1
			printf "#include \"proto/%s.rpc.h\"\n", in_family[m]
		}
	printf "\nstruct %s;\n", context[program]
	for (m = 1; m <= methods; m++) {
		if (!served(m))
			continue
		args = request[m] == "Empty" ? "" : \
		    "\n    const " c_type(request[m]) " *q,"
		printf "\n/* %s */\nvoid serve_%s(struct nx_request *r,%s struct %s *ctx);\n", \
		    name[m], tolower(name[m]), args, context[program]
	}
	printf "\nextern const struct nx_handler %s_handlers[];\n", program
	printf "extern const size_t %s_handlers_count;\n\n#endif\n", program
}

function serve_c(   m, q, lower) {
	printf "#include \"proto/serve_%s.h\"\n", program
	for (m = 1; m <= methods; m++) {
		if (!served(m))
			continue
		lower = tolower(name[m])
		q = request[m] == "Empty" ? "" : \
		    "nx_as_" snake(request[m]) "(r->body), "
		printf "\nstatic void\n%s(struct nx_request *r, void *ctx)\n", lower
		printf "{\n\tserve_%s(r, %sctx);\n}\n", lower, q
	}
	printf "\nconst struct nx_handler %s_handlers[] = {\n", program
	for (m = 1; m <= methods; m++)
		if (served(m))
			printf "\t{NX__METHOD__%s, %s},\n", name[m], \
			    tolower(name[m])
	printf "};\nconst size_t %s_handlers_count =\n", program
	printf "    sizeof(%s_handlers) / sizeof(%s_handlers[0]);\n", \
	    program, program
}
