/*
 * The one decoder of UTF-8, held against counts that follow from the standard
 * alone, and what is said of text with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/utf8.h"

static size_t
encode(uint32_t point, uint8_t out[4])
{
	if (point < 0x80) {
		out[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (uint8_t)(0xc0 | point >> 6);
		out[1] = (uint8_t)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | point >> 12);
		out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | point >> 18);
	out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (point & 0x3f));
	return 4;
}

static void
every_character_is_read(void **state)
{
	uint8_t s[4];
	uint32_t got;

	(void)state;
	for (uint32_t point = 0; point < 0x110000; point++) {
		size_t n = encode(point, s);

		if (point >= 0xd800 && point <= 0xdfff) {
			assert_int_equal(nx_utf8_next(s, n, &got), 0);
			continue;
		}
		if (nx_utf8_next(s, n, &got) != n || got != point)
			fail_msg("U+%04X was not read", point);
		if (nx_utf8_next(s, n - 1, NULL) != 0)
			fail_msg("U+%04X was read though it is cut", point);
	}
}

/* Of all that three bytes can be: one each for ASCII and for what two bytes can
 * say (whatever follows), and the characters of three. */
static void
nothing_else_is_read(void **state)
{
	size_t count[5] = {0};

	(void)state;
	for (uint32_t v = 0; v < 1U << 24; v++) {
		uint8_t s[3] = {
		    (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

		count[nx_utf8_next(s, 3, NULL)]++;
	}
	assert_int_equal(count[1], 0x80 * 65536);
	assert_int_equal(count[2], (0x800 - 0x80) * 256);
	assert_int_equal(count[3], 0x10000 - 0x800 - 0x800);
	assert_int_equal(count[4], 0);
	assert_int_equal(nx_utf8_next("", 0, NULL), 0);
	assert_int_equal(nx_utf8_next("\xf0\x8f\xbf\xbf", 4, NULL), 0);
	assert_int_equal(nx_utf8_next("\xf4\x90\x80\x80", 4, NULL), 0);
	assert_int_equal(nx_utf8_next("\xf8\x88\x80\x80\x80", 5, NULL), 0);
}

static void
text_is_clean_or_not(void **state)
{
	static const struct {
		const char *text, *allowed;
		bool clean;
	} cases[] = {
	    {"", "", true},
	    {"Gr\xc3\xb6\xc3\x9f"
	     "e \xf0\x9f\x98\x80",
		"", true},
	    {"a\nb", "", false},
	    {"a\nb", "\n\t", true},
	    {"a\rb", "\n\t", false},
	    {"a\x1b[2J", "\n\t", false},
	    {"a\x7f", "\n\t", false},
	    {"\xc3", "", false},
	    {"\xed\xa0\x80", "", false},
	};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++)
		assert_int_equal(nx_text_clean(cases[i].text,
				     strlen(cases[i].text), cases[i].allowed),
		    cases[i].clean);
	assert_false(nx_text_clean("a\0b", 3, "\n\t"));
	assert_true(nx_utf8_valid("a\0\x1b", 3));
	assert_false(nx_utf8_valid("a\xff", 2));
}

/* Eight at a time or not: where each byte stands changes nothing. */
static void
plain_text_ends_where_it_does(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 20; at++) {
			bool clean = c >= 0x20 && c < 0x7f;
			bool plain = clean && c != '"' && c != '\\';
			char text[20];

			memset(text, at % 2 ? '~' : ' ', sizeof(text));
			text[at] = (char)c;
			assert_int_equal(
			    nx_text_plain(text, sizeof(text)), plain ? 20 : at);
			assert_int_equal(nx_text_plain(text, at), at);
			assert_int_equal(
			    nx_text_clean(text, sizeof(text), ""), clean);
		}
}

static void
text_is_repaired(void **state)
{
	char text[] = "a\x1b[1m\xc3\xb6\xff\n\xc3";

	(void)state;
	nx_text_repair(text);
	assert_string_equal(text, "a?[1m\xc3\xb6?\n?");
}

static void
json_is_written_piece_by_piece(void **state)
{
	static const char from[] =
	    "a\"\\\n\t\x1b\x7f\0\xc3\xb6\xff\xed\xa0\x80";
	static const char to[] = "a\\\"\\\\\\n\\t\\u001b\\u007f\\u0000\xc3\xb6"
				 "\xef\xbf\xbd"
				 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd";
	char all[sizeof(from) * 6] = "", piece[NX_JSON_PIECE];

	(void)state;
	for (size_t i = 0; i < sizeof(from) - 1;) {
		i += nx_json_piece(from + i, sizeof(from) - 1 - i, piece);
		strcat(all, piece);
	}
	assert_string_equal(all, to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_character_is_read),
	    cmocka_unit_test(nothing_else_is_read),
	    cmocka_unit_test(text_is_clean_or_not),
	    cmocka_unit_test(plain_text_ends_where_it_does),
	    cmocka_unit_test(text_is_repaired),
	    cmocka_unit_test(json_is_written_piece_by_piece),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
