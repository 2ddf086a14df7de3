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
#include "common/utf8.h"

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

static bool
text_ok(const char *text)
{
	size_t len = strnlen(text, MAILD_TEXT_MAX + 1), line;

	if (len > MAILD_TEXT_MAX || !nx_text_clean(text, len, "\n\t"))
		return false;
	for (; *text; text += line + (text[line] == '\n')) {
		line = strcspn(text, "\n");
		if (line > MAILD_LINE_MAX)
			return false;
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
