/* Line ends and transfer encodings. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/transfer.h"
#include "common/err.h"

#define LINE_MAX_QP 75 /* and the "=" of a soft line end */

struct out {
	char *text;
	size_t len;
};

static void
put(struct out *o, const char *text, size_t len)
{
	memcpy(o->text + o->len, text, len);
	o->len += len;
}

static bool
has_eighth_bit(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127)
			return true;
	return false;
}

/* Each line of [@text, @end), by @one. */
static void
lines(struct out *o, const char *text, const char *end,
    void (*one)(struct out *o, const char *line, size_t len))
{
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);

		one(o, text, len);
		put(o, "\r\n", 2);
		text += len + (eol != NULL);
	}
}

static void
as_it_is(struct out *o, const char *line, size_t len)
{
	put(o, line, len);
}

static void
quoted(struct out *o, const char *line, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i, column = 0;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		bool last = i + 1 == len;
		bool plain = c > ' ' && c <= '~' && c != '=';
		char code[3] = {'=', digits[c >> 4], digits[c & 15]};

		plain |= (c == ' ' || c == '\t') && !last;
		if (column + (plain ? 1 : 3) > LINE_MAX_QP) {
			put(o, "=\r\n", 3);
			column = 0;
		}
		put(o, plain ? line + i : code, plain ? 1 : 3);
		column += plain ? 1 : 3;
	}
}

/* The one header that says how the text is encoded is put anew. */
static void
head_line(struct out *o, const char *line, size_t len)
{
	static const char from[] = "Content-Transfer-Encoding: 8bit";
	static const char to[] = "Content-Transfer-Encoding: quoted-printable";

	if (len == sizeof(from) - 1 && memcmp(line, from, len) == 0)
		put(o, to, sizeof(to) - 1);
	else
		put(o, line, len);
}

char *
maild_transfer_encode(const char *text, size_t len, size_t *ret_len)
{
	const char *end = text + len, *body = strstr(text, "\n\n");
	/* Three bytes of code and a soft line end for each, at worst. */
	struct out o = {.text = malloc(len * 4 + 64)};

	if (!o.text)
		return NULL;
	nx_assert(body);
	body++;
	if (has_eighth_bit(text, len)) {
		lines(&o, text, body, head_line);
		lines(&o, body, end, quoted);
	} else {
		lines(&o, text, end, as_it_is);
	}
	*ret_len = o.len;
	return o.text;
}
