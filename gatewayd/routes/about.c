/*
 * What a client says of a file. Names of metadata are the client's; what they
 * may be, and how much, storaged decides. A time is seconds since 1970 with up
 * to nine digits behind a point, as rclone writes it: nothing is lost.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gatewayd/routes/about.h"

#define NANO INT64_C(1000000000)

static const struct http_error
    bad_time = {400, "invalid",
	"X-Nexus-Mtime is seconds since 1970, like 1700000000.123."},
    no_memory = {503, "unavailable", "Out of memory; try again."};

static const struct http_error *
read_time(Nx__About *m, struct http_span text)
{
	int64_t seconds = 0, nano = 0, unit = NANO;
	bool minus = text.len > 0 && text.p[0] == '-', point = false;
	size_t i = minus, digits = 0;

	for (; i < text.len; i++) {
		char c = text.p[i];

		if (c == '.' && !point && digits > 0) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || (point && unit == 1) ||
		    (!point && ++digits > 10))
			return &bad_time;
		if (point)
			nano += (c - '0') * (unit /= 10);
		else
			seconds = seconds * 10 + (c - '0');
	}
	if (digits == 0 || seconds >= INT64_MAX / NANO)
		return &bad_time;
	m->has_mtime = true;
	m->mtime = (minus ? -1 : 1) * (seconds * NANO + nano);
	return NULL;
}

/* What curl says of a body when nobody said anything. */
static bool
is_told(struct http_span type)
{
	return type.p &&
	    !http_span_is(type, "application/x-www-form-urlencoded");
}

static char *
keep(char **at, struct http_span span, bool lower)
{
	char *text = *at;

	for (size_t i = 0; i < span.len; i++) {
		char c = span.p[i];

		text[i] = lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	text[span.len] = '\0';
	*at += span.len + 1;
	return text;
}

static size_t
text_size(const struct http_head *head, struct http_span type)
{
	size_t size = type.len + 1;

	for (size_t i = 0; i < head->n_meta; i++)
		size += head->meta[i].name.len + head->meta[i].value.len + 2;
	return size;
}

const struct http_error *
about_of(struct about *a, const struct http_head *head, bool typed)
{
	struct http_span type = head->field[HEAD_CONTENT_TYPE];
	struct http_span time = head->field[HEAD_NEXUS_MTIME];
	char *at;

	memset(a, 0, sizeof(*a));
	nx__about__init(&a->message);
	if (!typed || !is_told(type))
		type = (struct http_span){0};
	a->bytes = text_size(head, type);
	a->text = at = malloc(a->bytes);
	if (!at)
		return &no_memory;
	a->message.content_type = keep(&at, type, false);
	for (size_t i = 0; i < head->n_meta; i++) {
		nx__meta_item__init(&a->items[i]);
		a->items[i].name = keep(&at, head->meta[i].name, true);
		a->items[i].value = keep(&at, head->meta[i].value, false);
		a->list[i] = &a->items[i];
	}
	a->message.n_meta = head->n_meta;
	a->message.meta = a->list;
	return time.p ? read_time(&a->message, time) : NULL;
}

void
about_fini(struct about *a)
{
	free(a->text);
	memset(a, 0, sizeof(*a));
}

void
about_time(int64_t mtime, char text[ABOUT_TIME])
{
	uint64_t all = mtime < 0 ? -(uint64_t)mtime : (uint64_t)mtime;
	uint64_t nano = all % NANO;
	int n = snprintf(
	    text, ABOUT_TIME, "%s%" PRIu64, mtime < 0 ? "-" : "", all / NANO);

	if (nano == 0)
		return;
	n += snprintf(text + n, ABOUT_TIME - (size_t)n, ".%09" PRIu64, nano);
	while (text[n - 1] == '0')
		text[--n] = '\0';
}

static void
last_modified(struct buf *b, int64_t mtime)
{
	time_t seconds = (time_t)(mtime / NANO - (mtime % NANO < 0));
	char text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		buf_printf(b, "Last-Modified: %s\r\n", text);
}

void
about_headers(struct buf *b, const Nx__About *m)
{
	char text[ABOUT_TIME];

	if (!m)
		return;
	if (m->has_mtime) {
		about_time(m->mtime, text);
		last_modified(b, m->mtime);
		buf_printf(b, "X-Nexus-Mtime: %s\r\n", text);
	}
	for (size_t i = 0; i < m->n_meta; i++)
		buf_printf(b, "X-Nexus-Meta-%s: %s\r\n", m->meta[i]->name,
		    m->meta[i]->value);
}

void
about_json(struct buf *b, const Nx__About *m)
{
	char text[ABOUT_TIME];

	if (!m)
		return;
	if (m->content_type[0])
		json_string(b, "content_type", m->content_type);
	if (m->has_mtime) {
		about_time(m->mtime, text);
		json_string(b, "mtime", text);
	}
	if (m->n_meta == 0)
		return;
	json_open(b, "metadata", '{');
	for (size_t i = 0; i < m->n_meta; i++)
		json_string(b, m->meta[i]->name, m->meta[i]->value);
	json_close(b, '}');
}
