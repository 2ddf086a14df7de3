/*
 * Results: tables for people, JSON for programs, ids for pipes. Messages are
 * read through their descriptors, so that every field has its name once, in
 * the .proto file.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/role.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"

#define CELL CTL_CELL

static const void *
field_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (const char *)m + f->offset;
}

static uint64_t
as_number(const void *at, ProtobufCType type)
{
	switch ((int)type) {
	case PROTOBUF_C_TYPE_UINT64: return *(const uint64_t *)at;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM: return *(const uint32_t *)at;
	case PROTOBUF_C_TYPE_INT32:
		return (uint64_t)(int64_t) * (const int32_t *)at;
	case PROTOBUF_C_TYPE_BOOL:
		return (uint64_t)(*(const protobuf_c_boolean *)at != 0);
	default: return 0;
	}
}

/* --- JSON --------------------------------------------------------------------*/

/* cJSON keeps numbers as double: whole numbers go in as text. */
static cJSON *
json_integer(const void *at, ProtobufCType type)
{
	char text[24];

	if (type == PROTOBUF_C_TYPE_INT32)
		snprintf(text, sizeof(text), "%" PRId32, *(const int32_t *)at);
	else
		snprintf(text, sizeof(text), "%" PRIu64, as_number(at, type));
	return cJSON_CreateRaw(text);
}

static cJSON *
json_bytes(const ProtobufCBinaryData *b)
{
	nx_cleanup_free char *text = calloc(b->len + 1, 2);
	size_t i;

	for (i = 0; text && i < b->len; i++)
		sprintf(text + 2 * i, "%02x", b->data[i]);
	return cJSON_CreateString(text ? text : "");
}

static cJSON *
json_value(const void *at, const ProtobufCFieldDescriptor *f)
{
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return cJSON_CreateString(*(char *const *)at);
	case PROTOBUF_C_TYPE_BYTES: return json_bytes(at);
	case PROTOBUF_C_TYPE_BOOL:
		return cJSON_CreateBool(*(const protobuf_c_boolean *)at);
	case PROTOBUF_C_TYPE_DOUBLE:
		return cJSON_CreateNumber(*(const double *)at);
	case PROTOBUF_C_TYPE_MESSAGE:
		if (!*(ProtobufCMessage *const *)at)
			return cJSON_CreateNull();
		return ctl_json(*(ProtobufCMessage *const *)at);
	default: return json_integer(at, f->type);
	}
}

static size_t
element_size(ProtobufCType type)
{
	switch ((int)type) {
	case PROTOBUF_C_TYPE_UINT64: return 8;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM: return 4;
	default: return sizeof(void *);
	}
}

cJSON *
ctl_json(const ProtobufCMessage *m)
{
	cJSON *object = cJSON_CreateObject(), *array;
	size_t i, n;
	unsigned k;

	for (k = 0; k < m->descriptor->n_fields; k++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];

		if (f->label != PROTOBUF_C_LABEL_REPEATED) {
			cJSON_AddItemToObject(
			    object, f->name, json_value(field_at(m, f), f));
			continue;
		}
		array = cJSON_AddArrayToObject(object, f->name);
		n = *(const size_t *)((const char *)m + f->quantifier_offset);
		for (i = 0; i < n; i++)
			cJSON_AddItemToArray(array,
			    json_value(*(const char *const *)field_at(m, f) +
				    i * element_size(f->type),
				f));
	}
	return object;
}

/* For programs as it is, and for whoever looks at it without what steers a
 * terminal: in JSON text \u009b is the same character. */
static void
print_line(const char *text)
{
	if (isatty(STDOUT_FILENO))
		ctl_clean(stdout, text, strlen(text), true);
	else
		fputs(text, stdout);
	putchar('\n');
}

static int
print_json(cJSON *json, char *text)
{
	if (text)
		print_line(text);
	cJSON_free(text);
	cJSON_Delete(json);
	return 0;
}

int
ctl_print_json(cJSON *json)
{
	return print_json(json, cJSON_Print(json));
}

int
ctl_print_json_line(cJSON *json)
{
	return print_json(json, cJSON_PrintUnformatted(json));
}

/* --- tables ------------------------------------------------------------------*/

void
ctl_time_format(uint64_t seconds, char text[CTL_TIME_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || !localtime_r(&t, &tm))
		snprintf(text, CTL_TIME_SIZE, "-");
	else
		strftime(text, CTL_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
}

static void
cell_lasts(uint64_t s, char cell[CELL])
{
	if (s == 0)
		snprintf(cell, CELL, "-");
	else if (s < 60)
		snprintf(cell, CELL, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(cell, CELL, "%" PRIu64 " min", s / 60);
	else
		snprintf(cell, CELL, "%" PRIu64 " h %" PRIu64 " min", s / 3600,
		    s % 3600 / 60);
}

static void
cell_text(const char *text, enum ctl_format format, char cell[CELL])
{
	char begin[9];

	if (!text || !*text)
		text = "-";
	if (format == CTL_SHORT) {
		snprintf(begin, sizeof(begin), "%s", text);
		text = begin;
	}
	ctl_clean_text(text, cell, CELL);
}

/* Several strings, with commas between. */
static void
cell_words(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    char cell[CELL])
{
	char *const *words = *(char *const *const *)field_at(m, f);
	size_t n = *(const size_t *)((const char *)m + f->quantifier_offset);
	char text[CELL] = "";
	size_t used = 0;

	nx_assert(f->type == PROTOBUF_C_TYPE_STRING);
	for (size_t i = 0; i < n && used < sizeof(text) - 1; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s%s", i ? "," : "", words[i]);
	cell_text(text, CTL_TEXT, cell);
}

static const ProtobufCFieldDescriptor *
field_of(const ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		m->descriptor, name);

	nx_assert(f);
	return f;
}

bool
ctl_field_is_text(const ProtobufCMessage *m, const char *field)
{
	return field_of(m, field)->type == PROTOBUF_C_TYPE_STRING;
}

const char *
ctl_field_text(const ProtobufCMessage *m, const char *field)
{
	const ProtobufCFieldDescriptor *f = field_of(m, field);
	const char *text;

	nx_assert(f->type == PROTOBUF_C_TYPE_STRING);
	text = *(char *const *)field_at(m, f);
	return text ? text : "";
}

uint64_t
ctl_field_number(const ProtobufCMessage *m, const char *field)
{
	const ProtobufCFieldDescriptor *f = field_of(m, field);

	return as_number(field_at(m, f), f->type);
}

void
ctl_field_cell(const ProtobufCMessage *m, const struct ctl_column *column,
    char cell[CTL_CELL])
{
	const ProtobufCFieldDescriptor *f = field_of(m, column->field);
	const void *at;
	uint64_t n;

	at = field_at(m, f);
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		cell_words(m, f, cell);
		return;
	}
	n = as_number(at, f->type);
	if (f->type == PROTOBUF_C_TYPE_STRING)
		cell_text(*(char *const *)at, column->format, cell);
	else if (f->type == PROTOBUF_C_TYPE_DOUBLE)
		snprintf(cell, CELL, "%.1f", *(const double *)at);
	else if (column->format == CTL_SIZE)
		snprintf(cell, CELL, "%s", nx_size_format(n));
	else if (column->format == CTL_TIME)
		ctl_time_format(n, cell);
	else if (column->format == CTL_LASTS)
		cell_lasts(n, cell);
	else if (column->format == CTL_YES)
		snprintf(cell, CELL, "%s", n ? "yes" : "no");
	else if (column->format == CTL_KIND)
		snprintf(cell, CELL, "%s", n ? "folder" : "file");
	else if (column->format == CTL_ROLE)
		snprintf(cell, CELL, "%s", nx_role_name((enum nx_role)n));
	else
		snprintf(cell, CELL, "%" PRIu64, n);
}

/* Characters, not bytes: names may be anything that UTF-8 can say. */
static int
width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void
put_cell(const char *text, int width, bool last)
{
	if (last)
		printf("%s\n", text);
	else
		printf("%s%*s", text, width - width_of(text) + 2, "");
}

void
ctl_table(const ProtobufCMessage *const *rows, size_t n,
    const struct ctl_column *columns, size_t n_columns)
{
	int widths[16];
	char cell[CELL];
	size_t i, k;

	nx_assert(n_columns <= NX_ARRAY_SIZE(widths));
	for (k = 0; k < n_columns; k++) {
		widths[k] = width_of(columns[k].title);
		for (i = 0; i < n; i++) {
			ctl_field_cell(rows[i], &columns[k], cell);
			if (width_of(cell) > widths[k])
				widths[k] = width_of(cell);
		}
	}
	for (k = 0; k < n_columns; k++)
		put_cell(columns[k].title, widths[k], k + 1 == n_columns);
	for (i = 0; i < n; i++)
		for (k = 0; k < n_columns; k++) {
			ctl_field_cell(rows[i], &columns[k], cell);
			put_cell(cell, widths[k], k + 1 == n_columns);
		}
}

static const char *
string_field(const ProtobufCMessage *m, const char *name, char buf[24])
{
	if (ctl_field_is_text(m, name))
		return ctl_field_text(m, name);
	snprintf(buf, 24, "%" PRIu64, ctl_field_number(m, name));
	return buf;
}

int
ctl_show(struct ctl *c, const ProtobufCMessage *m,
    const struct ctl_column *columns, size_t n_columns, const char *id)
{
	char cell[CELL], buf[24];
	int width = 0;
	size_t i;

	if (c->json)
		return ctl_print_json(ctl_json(m));
	if (c->quiet) {
		print_line(string_field(m, id, buf));
		return 0;
	}
	for (i = 0; i < n_columns; i++)
		if (width_of(columns[i].title) > width)
			width = width_of(columns[i].title);
	for (i = 0; i < n_columns; i++) {
		ctl_field_cell(m, &columns[i], cell);
		put_cell(columns[i].title, width, false);
		put_cell(cell, 0, true);
	}
	return 0;
}

int
ctl_done(struct ctl *c, const ProtobufCMessage *m, const char *id,
    const char *fmt, ...)
{
	char buf[24], text[1024];
	va_list ap;

	if (c->json)
		return ctl_print_json(ctl_json(m));
	if (c->quiet) {
		print_line(string_field(m, id, buf));
		return 0;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_say(stdout, "%s\n", text);
	return 0;
}
