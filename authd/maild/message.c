/*
 * A message as text (RFC 5322), from parts that were checked: no line of a caller's
 * becomes a header.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "authd/maild/address.h"
#include "authd/maild/message.h"
#include "common/id.h"

static bool
subject_ok(const char *subject)
{
	size_t i;

	for (i = 0; subject[i]; i++)
		if (i == MAILD_SUBJECT_MAX || subject[i] < ' ' ||
		    subject[i] > '~')
			return false;
	return i > 0;
}

/* Length of the UTF-8 sequence at @p (RFC 3629, table 3-7 of Unicode), 0 when
 * it is none. A NUL ends every sequence too early, so none is read across. */
static size_t
utf8_len(const unsigned char *p)
{
	static const struct {
		unsigned char from, to, second_from, second_to;
		size_t len;
	} forms[] = {
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t i, k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (p[0] >= forms[i].from && p[0] <= forms[i].to)
			break;
	if (i == sizeof(forms) / sizeof(forms[0]) ||
	    p[1] < forms[i].second_from || p[1] > forms[i].second_to)
		return 0;
	for (k = 2; k < forms[i].len; k++)
		if ((p[k] & 0xc0) != 0x80)
			return 0;
	return forms[i].len;
}

static bool
text_ok(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t line = 0, len;

	if (strnlen(text, MAILD_TEXT_MAX + 1) > MAILD_TEXT_MAX)
		return false;
	while (*p) {
		if (*p < 0x80)
			len = (*p >= ' ' && *p != 0x7f) || *p == '\n' ||
			    *p == '\t';
		else
			len = utf8_len(p);
		line = *p == '\n' ? 0 : line + len;
		if (len == 0 || line > MAILD_LINE_MAX)
			return false;
		p += len;
	}
	return true;
}

const char *
maild_message_check(const char *to, const char *subject, const char *text)
{
	if (!maild_address_valid(to))
		return "the address";
	if (!subject_ok(subject))
		return "the subject";
	if (!text_ok(text))
		return "the text";
	return NULL;
}

/* RFC 5322, 3.3, in English whatever the locale. UTC, which reads no file. */
static void
date(int64_t when, char *buf, size_t size)
{
	static const char *const days[] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)when;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(buf, size, "%s, %d %s %04d %02d:%02d:%02d +0000",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *
maild_message_compose(const char *from, const char *to, const char *subject,
    const char *text, int64_t when, size_t *ret_len)
{
	char day[64], id[NX_ID_LEN + 1], *message;
	int len;

	date(when, day, sizeof(day));
	nx_id_new(id);
	len = asprintf(&message,
	    "From: Nexus <%s>\n"
	    "To: <%s>\n"
	    "Subject: %s\n"
	    "Date: %s\n"
	    "Message-ID: <%s@%s>\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "Auto-Submitted: auto-generated\n"
	    "\n"
	    "%s%s",
	    from, to, subject, day, id, strchr(from, '@') + 1, text,
	    text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
	if (len < 0)
		return NULL;
	*ret_len = (size_t)len;
	return message;
}
