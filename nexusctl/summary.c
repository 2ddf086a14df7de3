/* Lines of text from messages, by the names of their fields. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "nexusctl/summary.h"

#define WORD 64 /* a field's name, or what comes behind it */

static const struct {
	const char *name;
	enum ctl_format format;
} formats[] = {
    {"size", CTL_SIZE},
    {"time", CTL_TIME},
    {"lasts", CTL_LASTS},
    {"yes", CTL_YES},
};

/* "one|more", for @n of them, or the name of a format. */
static void
put_counted(const ProtobufCMessage *m, const char *field, const char *words,
    char *out, size_t size)
{
	const char *more = strchr(words, '|');
	uint64_t n = ctl_field_number(m, field);

	nx_assert(more);
	if (n == 1)
		snprintf(out, size, "1 %.*s", (int)(more - words), words);
	else
		snprintf(out, size, "%" PRIu64 " %s", n, more + 1);
}

static void
put_field(const ProtobufCMessage *m, const char *field, const char *how,
    char *out, size_t size)
{
	struct ctl_column column = {"", field, CTL_TEXT};
	char cell[CTL_CELL];
	size_t i;

	if (!*how && ctl_field_is_text(m, field)) {
		ctl_clean_text(ctl_field_text(m, field), out, size);
		return;
	}
	for (i = 0; i < NX_ARRAY_SIZE(formats); i++)
		if (strcmp(how, formats[i].name) == 0)
			break;
	if (i == NX_ARRAY_SIZE(formats) && *how) {
		put_counted(m, field, how, out, size);
		return;
	}
	if (*how)
		column.format = formats[i].format;
	ctl_field_cell(m, &column, cell);
	snprintf(out, size, "%s", cell);
}

void
ctl_summarize(
    const ProtobufCMessage *m, const char *template, char line[CTL_SUMMARY])
{
	char field[WORD], how[WORD];
	size_t used = 0;
	int len;

	line[0] = '\0';
	while (*template && used < CTL_SUMMARY - 1) {
		if (*template != '{') {
			line[used++] = *template ++;
			line[used] = '\0';
			continue;
		}
		how[0] = '\0';
		len = 0;
		(void)sscanf(template, "{%63[^ }]%n", field, &len);
		nx_assert(len > 0);
		template += len;
		if (*template == ' ') {
			len = 0;
			(void)sscanf(template, " %63[^}]%n", how, &len);
			template += len;
		}
		nx_assert(*template == '}');
		template ++;
		put_field(m, field, how, line + used, CTL_SUMMARY - used);
		used += strlen(line + used);
	}
}

static bool
is_set(const ProtobufCMessage *m, const char *field)
{
	if (ctl_field_is_text(m, field))
		return ctl_field_text(m, field)[0] != '\0';
	return ctl_field_number(m, field) != 0;
}

bool
ctl_is_found(const ProtobufCMessage *m, const struct ctl_finding *f)
{
	return is_set(m, f->field) && !(f->unless && is_set(m, f->unless));
}
