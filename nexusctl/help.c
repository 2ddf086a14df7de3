/* Help at every level, generated from the table of commands. */
#include <ctype.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/args.h"

/* "node create <name> [command...]" -> "node create NAME [COMMAND...]" */
static void
usage(const char *pattern, char *buf, size_t len)
{
	char type[32], label[32];
	size_t used = 0;
	int kind;

	buf[0] = '\0';
	while ((kind = ctl_pattern_next(&pattern, type, label)) != 0) {
		if (used >= len)
			return;
		used += (size_t)snprintf(buf + used, len - used, "%s%s%s%s",
		    used ? " " : "",
		    kind == '['       ? "["
			: kind == '.' ? "[-- "
				      : "",
		    label,
		    kind == '['       ? "]"
			: kind == '.' ? "...]"
				      : "");
	}
}

/* One line of text, broken to 76 columns; an example stays as it is. */
static void
wrap_line(FILE *out, const char *text, size_t len)
{
	size_t column = 0, word;

	if (*text == ' ') {
		fprintf(out, "%.*s", (int)len, text);
		return;
	}
	while (len > 0) {
		word = 0;
		while (word < len && text[word] != ' ')
			word++;
		if (column > 0)
			fputc(column + 1 + word > 76 ? '\n' : ' ', out);
		column = column > 0 && column + 1 + word <= 76
		    ? column + 1 + word
		    : word;
		fprintf(out, "%.*s", (int)word, text);
		text += word;
		len -= word;
		if (len > 0) {
			text++;
			len--;
		}
	}
}

static void
wrap(FILE *out, const char *text)
{
	size_t len;

	while (*text) {
		len = strcspn(text, "\n");
		wrap_line(out, text, len);
		fputc('\n', out);
		text += len;
		text += *text == '\n';
	}
}

static void
options_help(FILE *out, const struct ctl_option *options, size_t n)
{
	char type[32], label[32], left[64];
	size_t i;

	for (i = 0; i < n; i++) {
		const struct ctl_option *o = &options[i];
		const char *pattern = o->hole;

		label[0] = '\0';
		if (pattern)
			ctl_pattern_next(&pattern, type, label);
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s",
		    o->letter ? "-" : " ", o->letter ? o->letter : ' ',
		    o->letter ? ", " : "  ", o->name, o->hole ? " " : "",
		    label);
		fprintf(out, "    %-22s %s", left, o->brief);
		if (o->value)
			fprintf(out, " (%s)", o->value);
		fputc('\n', out);
	}
}

static void
holes_help(FILE *out, const char *pattern)
{
	char type[32], label[32];
	int kind;

	while ((kind = ctl_pattern_next(&pattern, type, label)) != 0) {
		if (kind == 'w' || kind == '.')
			continue;
		fprintf(
		    out, "    %-22s %s\n", label, ctl_type_find(type)->what);
	}
}

static void
command_help(FILE *out, const struct ctl_command *c)
{
	char line[256];

	usage(c->pattern, line, sizeof(line));
	fprintf(out, "usage: nexusctl %s%s\n\n", line,
	    c->n_options ? " [options]" : "");
	wrap(out, c->brief);
	if (c->help) {
		fputc('\n', out);
		wrap(out, c->help);
	}
	if (strpbrk(c->pattern, "<["))
		fputc('\n', out);
	holes_help(out, c->pattern);
	if (c->n_options) {
		fputs("\noptions:\n", out);
		options_help(out, c->options, c->n_options);
	}
	fputs("\noptions of every command:\n", out);
	options_help(out, ctl_globals, ctl_globals_count);
}

static bool
begins_with(const char *pattern, const char *const *words, size_t n)
{
	char type[32], label[32];
	size_t i;

	for (i = 0; i < n; i++)
		if (ctl_pattern_next(&pattern, type, label) != 'w' ||
		    strcmp(type, words[i]) != 0)
			return false;
	return true;
}

/* Is this the pattern of a command of exactly these literal words? */
static bool
is_command(const char *pattern, size_t n)
{
	char type[32], label[32];
	size_t literals = 0;

	while (ctl_pattern_next(&pattern, type, label) == 'w')
		literals++;
	return literals == n;
}

void
ctl_help(FILE *out, const char *const *words, size_t n_words)
{
	char line[256], noun[32] = "", type[32], label[32];
	const char *pattern;
	size_t i;

	for (i = 0; ctl_command_at(i) && n_words > 0; i++) {
		pattern = ctl_command_at(i)->pattern;
		if (begins_with(pattern, words, n_words) &&
		    is_command(pattern, n_words)) {
			command_help(out, ctl_command_at(i));
			return;
		}
	}
	fprintf(out, "usage: nexusctl %s%sCOMMAND [options]\n",
	    n_words ? words[0] : "", n_words ? " " : "");
	for (i = 0; ctl_command_at(i); i++) {
		pattern = ctl_command_at(i)->pattern;
		if (!begins_with(pattern, words, n_words))
			continue;
		usage(pattern, line, sizeof(line));
		/* A blank line before each noun; verbs alone stand together. */
		ctl_pattern_next(&pattern, type, label);
		if (!is_command(ctl_command_at(i)->pattern, 1) || !*noun) {
			if (strcmp(noun, type) != 0)
				fputc('\n', out);
			snprintf(noun, sizeof(noun), "%s", type);
		} else if (strcmp(noun, "-") != 0) {
			fputs("\n", out);
			strcpy(noun, "-");
		}
		fprintf(out, "    %-34s %s\n", line, ctl_command_at(i)->brief);
	}
	fputs("\noptions of every command:\n", out);
	options_help(out, ctl_globals, ctl_globals_count);
	fputs("\nnexusctl COMMAND --help says more about one command; "
	      "nexusctl(1) about all.\n",
	    out);
}
