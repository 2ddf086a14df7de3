/* The command line, word by word, against the pattern of its command. */
#include <stdarg.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/args.h"

static int __attribute__((format(printf, 2, 3)))
wrong(char error[CTL_ERROR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CTL_ERROR, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int
fill(struct ctl_value *v, const char *type, const char *label, const char *text,
    char error[CTL_ERROR])
{
	const struct ctl_type *t = ctl_type_find(type);

	nx_assert(t);
	if (!t->check(text, &v->number))
		return wrong(
		    error, "%s: \"%.100s\" is not %s", label, text, t->what);
	v->text = text;
	v->set = true;
	return 0;
}

struct parser {
	int argc, at;
	char **argv;
	struct ctl_args *a;
	char *error;
};

/* What @name of @len characters means here, and where its value goes. */
static const struct ctl_option *
find_option(const struct parser *p, const char *name, size_t len,
    struct ctl_value **ret_value)
{
	const struct ctl_command *c = p->a->command;
	const struct ctl_option *o = NULL;

	if (c && (o = ctl_option_named(c->options, c->n_options, name, len)))
		*ret_value = &p->a->options[o - c->options];
	else if ((o = ctl_option_named(
		      ctl_globals, ctl_globals_count, name, len)))
		*ret_value = &p->a->globals[o - ctl_globals];
	return o;
}

/* "-it": every letter a flag, and another one. False: not such a word. */
static bool
parse_letters(struct parser *p, const char *word)
{
	const char *letter;
	struct ctl_value *v;
	const struct ctl_option *o;

	for (letter = word + 1; *letter; letter++) {
		o = find_option(p, letter, 1, &v);
		if (!o || o->hole || strchr(letter + 1, *letter))
			return false;
	}
	for (letter = word + 1; *letter; letter++) {
		(void)find_option(p, letter, 1, &v);
		v->set = true;
	}
	return true;
}

/* One option at argv[at]; leaves at on the word behind it. */
static int
parse_option(struct parser *p)
{
	char *word = p->argv[p->at++], *equals = strchr(word, '=');
	const char *name = word + strspn(word, "-"), *pattern;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct ctl_option *o;
	struct ctl_value *v;
	char type[32], label[32];

	if (word[1] != '-' && len > 1)
		return parse_letters(p, word)
		    ? 0
		    : wrong(p->error,
			  "%s: only letters that take no value can be joined, "
			  "and words have two dashes",
			  word);
	o = find_option(p, name, len, &v);
	if (!o)
		return wrong(p->error,
		    p->a->command ? "there is no option %s here; try --help"
				  : "there is no option %s before the command",
		    word);
	if (!o->hole) {
		if (equals)
			return wrong(p->error, "--%s takes no value", o->name);
		v->set = true;
		return 0;
	}
	if (!equals && p->at == p->argc)
		return wrong(p->error, "--%s wants a value", o->name);
	pattern = o->hole;
	ctl_pattern_next(&pattern, type, label);
	return fill(
	    v, type, word, equals ? equals + 1 : p->argv[p->at++], p->error);
}

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && strcmp(word, "--") != 0;
}

/* The words that name the command, and what global options stand among them. */
static int
parse_command(struct parser *p)
{
	struct ctl_args *a = p->a;
	size_t used;
	int error;

	while (p->at < p->argc && !a->command) {
		const char *word = p->argv[p->at];

		if (is_option(word)) {
			error = parse_option(p);
			if (error < 0)
				return error;
			continue;
		}
		if (a->n_words == 0 && strcmp(word, "help") == 0) {
			a->help = true;
			p->at++;
			continue;
		}
		if (a->n_words == NX_ARRAY_SIZE(a->words))
			return wrong(p->error, "too many words");
		a->words[a->n_words++] = word;
		p->at++;
		if (!ctl_command_begins(a->words, a->n_words))
			return wrong(p->error,
			    "there is no command \"%s%s%.60s\"; try "
			    "nexusctl%s%s --help",
			    a->n_words > 1 ? a->words[0] : "",
			    a->n_words > 1 ? " " : "", word,
			    a->n_words > 1 ? " " : "",
			    a->n_words > 1 ? a->words[0] : "");
		a->command = ctl_command_find(a->words, a->n_words, &used);
	}
	return 0;
}

static int
parse_holes(struct parser *p)
{
	struct ctl_args *a = p->a;
	const char *pattern = a->command->pattern;
	char type[32], label[32];
	size_t n = 0;
	bool raw = false;
	int kind, error;

	do {
		kind = ctl_pattern_next(&pattern, type, label);
	} while (kind == 'w');
	while (p->at < p->argc) {
		char *word = p->argv[p->at];

		if (!raw && strcmp(word, "--") == 0) {
			raw = true;
			p->at++;
			continue;
		}
		if (!raw && is_option(word)) {
			error = parse_option(p);
			if (error < 0)
				return error;
			continue;
		}
		if (kind == 0)
			return wrong(p->error,
			    "\"%.60s\" is one word too many; try --help", word);
		if (kind == '.') {
			a->rest = &p->argv[p->at];
			a->n_rest = (size_t)(p->argc - p->at);
			return 0;
		}
		error = fill(&a->holes[n++], type, label, word, p->error);
		if (error < 0)
			return error;
		p->at++;
		kind = ctl_pattern_next(&pattern, type, label);
	}
	if (kind == '<' && !a->help)
		return wrong(p->error, "%s is missing; try --help", label);
	return 0;
}

static void
defaults(const struct ctl_option *options, size_t n, struct ctl_value *values)
{
	char type[32], label[32];
	size_t i;

	for (i = 0; i < n; i++) {
		const char *pattern = options[i].hole;

		if (values[i].set || !options[i].value)
			continue;
		ctl_pattern_next(&pattern, type, label);
		nx_assert(ctl_type_find(type)->check(
		    options[i].value, &values[i].number));
		values[i].text = options[i].value;
	}
}

static bool
asked_for_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int
ctl_args_parse(
    int argc, char **argv, struct ctl_args *ret_args, char error[CTL_ERROR])
{
	struct ctl_args a = {0};
	struct parser p = {argc, 1, argv, &a, error};
	int r;

	r = parse_command(&p);
	if (r == 0 && a.command)
		r = parse_holes(&p);
	/* Whoever asks for help gets it, whatever else is wrong: about the
	 * words that made sense. */
	if (r < 0 && asked_for_help(argc, argv)) {
		while (a.n_words > 0 && !ctl_command_begins(a.words, a.n_words))
			a.n_words--;
		r = 0;
		a.help = true;
	}
	if (r < 0)
		return r;
	a.help |= ctl_option(&a, "help")->set;
	if (!a.help && !a.command && !ctl_option(&a, "version")->set)
		return wrong(error,
		    a.n_words == 0 ? "what shall I do? Try nexusctl --help"
				   : "nexusctl %s what? Try nexusctl %s --help",
		    a.words[0], a.words[0]);
	defaults(ctl_globals, ctl_globals_count, a.globals);
	if (a.command)
		defaults(a.command->options, a.command->n_options, a.options);
	*ret_args = a;
	return 0;
}

static const struct ctl_value nothing;

const struct ctl_value *
ctl_hole(const struct ctl_args *a, const char *wanted)
{
	const char *pattern = a->command->pattern;
	char type[32], label[32];
	size_t n = 0;
	int kind;

	while ((kind = ctl_pattern_next(&pattern, type, label)) != 0) {
		if (kind == 'w')
			continue;
		if (strcmp(label, wanted) == 0)
			return &a->holes[n];
		n++;
	}
	return &nothing;
}

const struct ctl_value *
ctl_option(const struct ctl_args *a, const char *name)
{
	const struct ctl_option *o;

	if (a->command &&
	    (o = ctl_option_named(a->command->options, a->command->n_options,
		 name, strlen(name))))
		return &a->options[o - a->command->options];
	return ctl_global(a, name);
}

const struct ctl_value *
ctl_global(const struct ctl_args *a, const char *name)
{
	const struct ctl_option *o = ctl_option_named(
	    ctl_globals, ctl_globals_count, name, strlen(name));

	return o ? &a->globals[o - ctl_globals] : &nothing;
}
