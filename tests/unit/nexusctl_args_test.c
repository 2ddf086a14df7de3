/* The command line: what is understood, what is refused, and with which words. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/args.h"
#include "nexusctl/pattern.h"

static struct ctl_args args;
static char error[CTL_ERROR];

#define PARSE(...) parse((char *[]){(char[]){"nexusctl"}, __VA_ARGS__, NULL})
#define W(s)      \
	(char[])  \
	{         \
		s \
	}

static int
parse(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&args, 0, sizeof(args));
	error[0] = '\0';
	return ctl_args_parse(argc, argv, &args, error);
}

static void
takes_holes_and_options_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(0,
	    PARSE(W("node"), W("create"), W("--mem"), W("256"), W("web"),
		W("--storage=1G"), W("--cpu=1")));
	assert_string_equal("web", ctl_hole(&args, "NAME")->text);
	assert_int_equal(256 << 20, ctl_option(&args, "mem")->number);
	assert_int_equal(1 << 30, ctl_option(&args, "storage")->number);
	assert_int_equal(1, ctl_option(&args, "cpu")->number);
	assert_int_equal(512, ctl_option(&args, "pids")->number);
	assert_false(ctl_option(&args, "pids")->set);
	assert_int_equal(0, args.n_rest);
}

static void
understands_moments(void **state)
{
	uint64_t n, now = (uint64_t)time(NULL);
	static const char *const wrong[] = {"", "+", "-", "+90x", "+90d1",
	    "90d", "2026-02-30", "2026-13-01", "2026-12-31 25:00",
	    "2026-12-31 x", "tomorrow", "-99999d", "99999999999999999999",
	    "1e3", " 5", "+-1d"};

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	assert_true(ctl_moment_parse("1798675200", &n) && n == 1798675200);
	assert_true(ctl_moment_parse("0", &n) && n == 0);
	assert_true(ctl_moment_parse("2026-12-31", &n) && n == 1798675200);
	assert_true(ctl_moment_parse("2026-12-31 18:00", &n));
	assert_int_equal(n, 1798675200 + 18 * 3600);
	assert_true(ctl_moment_parse("2026-12-31T18:00:07", &n));
	assert_int_equal(n, 1798675200 + 18 * 3600 + 7);
	assert_true(ctl_moment_parse("+90d", &n));
	assert_in_range(n, now + 90 * 86400, now + 90 * 86400 + 60);
	assert_true(ctl_moment_parse("-12h", &n));
	assert_in_range(n, now - 12 * 3600, now - 12 * 3600 + 60);
	for (size_t i = 0; i < NX_ARRAY_SIZE(wrong); i++)
		if (ctl_moment_parse(wrong[i], &n))
			fail_msg(
			    "\"%s\" is %llu", wrong[i], (unsigned long long)n);
	assert_int_equal(0, PARSE(W("fs"), W("find"), W("--since"), W("-7d")));
	assert_true(ctl_option(&args, "since")->set);
	assert_int_not_equal(
	    0, PARSE(W("fs"), W("find"), W("--until"), W("soon")));
	assert_non_null(strstr(error, "2030-12-31"));
}

static void
takes_global_options_anywhere(void **state)
{
	(void)state;
	assert_int_equal(0,
	    PARSE(W("--user"), W("ada"), W("fs"), W("-o"), W("json"), W("ls"),
		W("-q")));
	assert_string_equal("ada", ctl_option(&args, "user")->text);
	assert_string_equal("json", ctl_option(&args, "output")->text);
	assert_true(ctl_option(&args, "quiet")->set);
	assert_false(ctl_hole(&args, "PATH")->set);
}

static void
leaves_the_rest_alone(void **state)
{
	(void)state;
	assert_int_equal(0,
	    PARSE(W("node"), W("exec"), W("web"), W("--"), W("ls"), W("-l"),
		W("--help")));
	assert_int_equal(3, args.n_rest);
	assert_string_equal("ls", args.rest[0]);
	assert_string_equal("--help", args.rest[2]);
	assert_false(args.help);
	assert_int_equal(
	    0, PARSE(W("node"), W("exec"), W("web"), W("ls"), W("-l")));
	assert_int_equal(2, args.n_rest);
	assert_int_equal(
	    0, PARSE(W("node"), W("exec"), W("-it"), W("web"), W("sh")));
	assert_true(ctl_option(&args, "interactive")->set);
	assert_true(ctl_option(&args, "tty")->set);
	assert_int_equal(1, args.n_rest);
}

static void
refuses_with_a_sentence(void **state)
{
	(void)state;
	assert_int_equal(-EINVAL, PARSE(W("nod"), W("ls")));
	assert_non_null(strstr(error, "no command \"nod\""));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("crate")));
	assert_non_null(strstr(error, "node --help"));
	assert_int_equal(-EINVAL, PARSE(W("node")));
	assert_non_null(strstr(error, "node what?"));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("create")));
	assert_non_null(strstr(error, "NAME is missing"));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("ls"), W("more")));
	assert_non_null(strstr(error, "one word too many"));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("ls"), W("--nope")));
	assert_non_null(strstr(error, "no option --nope"));
	assert_int_equal(-EINVAL, PARSE(W("fs"), W("mkdir"), W("-pp"), W("a")));
	assert_int_equal(-EINVAL, PARSE(W("fs"), W("mkdir"), W("-po"), W("a")));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("ls"), W("-o")));
	assert_non_null(strstr(error, "wants a value"));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("ls"), W("-o"), W("xml")));
	assert_int_equal(-EINVAL, PARSE(W("node"), W("stop"), W("--all=1")));
	assert_non_null(strstr(error, "takes no value"));
}

static void
checks_the_type_of_every_value(void **state)
{
	static const char *const bad_names[] = {"Web", "-web", "we_b", "w b",
	    "",
	    ("0123456789012345678901234567890123456789012345678901234567"
	     "890123")};
	static const char *const bad_weights[] = {"0", "10001", "-1", "x", ""};
	static const char *const bad_sizes[] = {"1X", "G", "-1M", "1.5.1G", ""};
	char word[80];
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad_names); i++) {
		snprintf(word, sizeof(word), "%s", bad_names[i]);
		if (word[0] == '-')
			continue; /* that is an option */
		assert_int_equal(-EINVAL, PARSE(W("node"), W("create"), word));
		assert_non_null(strstr(error, "not a name"));
	}
	for (i = 0; i < NX_ARRAY_SIZE(bad_weights); i++) {
		snprintf(word, sizeof(word), "--cpu=%s", bad_weights[i]);
		assert_int_equal(
		    -EINVAL, PARSE(W("node"), W("create"), W("a"), word));
	}
	for (i = 0; i < NX_ARRAY_SIZE(bad_sizes); i++) {
		snprintf(word, sizeof(word), "--storage=%s", bad_sizes[i]);
		assert_int_equal(
		    -EINVAL, PARSE(W("node"), W("create"), W("a"), word));
	}
	assert_int_equal(-EINVAL, PARSE(W("file"), W("info"), W("xyz")));
	assert_int_equal(-EINVAL, PARSE(W("file"), W("info"), W("abc")));
	assert_int_equal(0, PARSE(W("file"), W("info"), W("abcd")));
	assert_int_equal(
	    0, PARSE(W("node"), W("create"), W("a"), W("--mem=1G")));
	assert_int_equal(1 << 30, ctl_option(&args, "mem")->number);
}

static void
helps_whoever_asks(void **state)
{
	(void)state;
	assert_int_equal(0, PARSE(W("--help")));
	assert_true(args.help);
	assert_int_equal(0, PARSE(W("help"), W("node")));
	assert_true(args.help);
	assert_int_equal(1, args.n_words);
	assert_int_equal(0, PARSE(W("node"), W("create"), W("-h")));
	assert_true(args.help);
	assert_int_equal(2, args.n_words);
	/* Also in the middle of a mistake. */
	assert_int_equal(0, PARSE(W("node"), W("crate"), W("--help")));
	assert_true(args.help);
	assert_int_equal(1, args.n_words);
}

/* Every pattern parses, its types exist, and its defaults are of their type. */
static void
has_a_sound_table(void **state)
{
	char type[32], label[32];
	size_t i, k, holes;
	int kind;

	(void)state;
	for (i = 0; ctl_command_at(i); i++) {
		const struct ctl_command *c = ctl_command_at(i);
		const char *at = c->pattern;

		assert_non_null(c->run);
		assert_true(c->n_options <= CTL_OPTIONS);
		holes = 0;
		while ((kind = ctl_pattern_next(&at, type, label)) != 0) {
			if (kind == 'w')
				continue;
			assert_non_null(ctl_type_find(type));
			holes++;
		}
		assert_true(holes <= CTL_HOLES);
		for (k = 0; k < c->n_options; k++) {
			uint64_t number;

			if (!c->options[k].hole)
				continue;
			at = c->options[k].hole;
			ctl_pattern_next(&at, type, label);
			assert_non_null(ctl_type_find(type));
			if (c->options[k].value)
				assert_true(ctl_type_find(type)->check(
				    c->options[k].value, &number));
		}
	}
}

/* Help says something about each command and each of its options. */
static void
explains_every_command(void **state)
{
	char type[32], label[32], words[4][32], *text;
	const char *list[4];
	size_t i, k, n, len;
	FILE *out;

	(void)state;
	for (i = 0; ctl_command_at(i); i++) {
		const char *at = ctl_command_at(i)->pattern;

		for (n = 0; ctl_pattern_next(&at, type, label) == 'w'; n++) {
			strcpy(words[n], type);
			list[n] = words[n];
		}
		out = open_memstream(&text, &len);
		ctl_help(out, list, n);
		fclose(out);
		assert_non_null(strstr(text, "usage: nexusctl "));
		assert_non_null(strstr(text, ctl_command_at(i)->brief));
		for (k = 0; k < ctl_command_at(i)->n_options; k++)
			assert_non_null(
			    strstr(text, ctl_command_at(i)->options[k].brief));
		free(text);
	}
}

/* nexusctl(1) leaves no command and no option out. */
static void
is_described_by_its_manual(void **state)
{
	nx_cleanup_free char *page = NULL;
	char type[32], label[32], line[128];
	size_t i, k;

	(void)state;
	if (nx_read_file(AT_FDCWD, "nexusctl/nexusctl.1", 1 << 20, &page) < 0) {
		print_message("# not started from the top of the tree\n");
		skip();
	}
	for (i = 0; ctl_command_at(i); i++) {
		const char *at = ctl_command_at(i)->pattern;
		size_t used = (size_t)snprintf(line, sizeof(line), ".It Cm");

		while (ctl_pattern_next(&at, type, label) == 'w')
			used += (size_t)snprintf(
			    line + used, sizeof(line) - used, " %s", type);
		if (!strstr(page, line))
			fail_msg("%s is not in the manual", line);
		for (k = 0; k < ctl_command_at(i)->n_options; k++) {
			snprintf(line, sizeof(line), "Fl -%s",
			    ctl_command_at(i)->options[k].name);
			if (!strstr(page, line))
				fail_msg("%s is not in the manual", line);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_holes_and_options_in_any_order),
	    cmocka_unit_test(understands_moments),
	    cmocka_unit_test(takes_global_options_anywhere),
	    cmocka_unit_test(leaves_the_rest_alone),
	    cmocka_unit_test(refuses_with_a_sentence),
	    cmocka_unit_test(checks_the_type_of_every_value),
	    cmocka_unit_test(helps_whoever_asks),
	    cmocka_unit_test(has_a_sound_table),
	    cmocka_unit_test(explains_every_command),
	    cmocka_unit_test(is_described_by_its_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
