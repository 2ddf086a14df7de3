/* One decoder of UTF-8, and what is said of text with it. */
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

size_t
nx_utf8_next(const void *data, size_t len, uint32_t *ret_point)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least; /* what is below has a shorter form */
	} forms[] = {
	    {0x80, 0x00, 0},
	    {0xe0, 0xc0, 0x80},
	    {0xf0, 0xe0, 0x800},
	    {0xf8, 0xf0, 0x10000},
	};
	const uint8_t *s = data;

	for (size_t n = 0; n < 4 && n < len; n++) {
		uint32_t point = s[0] & (uint8_t)~forms[n].mask;

		if ((s[0] & forms[n].mask) != forms[n].lead)
			continue;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			point = point << 6 | (s[i] & 0x3f);
		}
		if (point < forms[n].least || point > 0x10ffff ||
		    (point >= 0xd800 && point <= 0xdfff))
			return 0;
		if (ret_point)
			*ret_point = point;
		return n + 1;
	}
	return 0;
}

bool
nx_utf8_valid(const void *data, size_t len)
{
	const uint8_t *s = data;

	for (size_t i = 0, n; i < len; i += n) {
		n = nx_utf8_next(s + i, len - i, NULL);
		if (n == 0)
			return false;
	}
	return true;
}

static bool
is_control(uint32_t point)
{
	return point < 0x20 || point == 0x7f;
}

#define EACH(byte) ((byte)*UINT64_C(0x0101010101010101))

/* Has one of the eight bytes of @w, none above 7f, the value @c? */
static uint64_t
has(uint64_t w, uint8_t c)
{
	return ((w ^ EACH(c)) - EACH(1)) & EACH(0x80);
}

size_t
nx_text_plain(const void *data, size_t len)
{
	const char *s = data;
	size_t i = 0;
	uint64_t w;

	/* A byte below 20 borrows, 7f carries, into its highest bit. */
	for (; len - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, s + i, sizeof(w));
		if (((w | (w - EACH(0x20)) | (w + EACH(1))) & EACH(0x80)) ||
		    has(w, '"') || has(w, '\\'))
			break;
	}
	while (i < len && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' &&
	    s[i] != '\\')
		i++;
	return i;
}

bool
nx_text_clean(const void *data, size_t len, const char *allowed)
{
	const uint8_t *s = data;
	uint32_t point;

	for (size_t i = 0, n; i < len; i += n) {
		n = nx_text_plain(s + i, len - i);
		if (n > 0)
			continue;
		n = nx_utf8_next(s + i, len - i, &point);
		if (n == 0)
			return false;
		if (is_control(point) &&
		    !memchr(allowed, (int)point, strlen(allowed)))
			return false;
	}
	return true;
}

size_t
nx_json_piece(const void *data, size_t len, char ret_piece[NX_JSON_PIECE])
{
	static const char plain[] = "\"\\\n\r\t", after[] = "\"\\nrt";
	uint32_t point = 0;
	size_t n = nx_utf8_next(data, len, &point);
	const char *short_form =
	    point < 0x80 ? memchr(plain, (int)point, sizeof(plain) - 1) : NULL;

	if (n == 0)
		strcpy(ret_piece, "\xef\xbf\xbd");
	else if (short_form)
		snprintf(ret_piece, NX_JSON_PIECE, "\\%c",
		    after[short_form - plain]);
	else if (is_control(point))
		snprintf(ret_piece, NX_JSON_PIECE, "\\u%04x", point);
	else {
		memcpy(ret_piece, data, n);
		ret_piece[n] = '\0';
	}
	return n ? n : 1;
}
