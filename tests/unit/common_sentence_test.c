/*
 * One sentence in the two forms in which people read it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/sentence.h"

static void
each_has_two_forms(void **state)
{
	static const struct {
		const char *text, *alone, *behind;
	} cases[] = {
	    {"you have 32 nodes: delete one first",
		"You have 32 nodes: delete one first.",
		"you have 32 nodes: delete one first"},
	    {"The token has expired; log in again.",
		"The token has expired; log in again.",
		"the token has expired; log in again"},
	    {"A code is on its way.", "A code is on its way.",
		"a code is on its way"},
	    {"Registration is closed. Ask the administrator.",
		"Registration is closed. Ask the administrator.",
		"registration is closed. Ask the administrator."},
	    {"is that so?", "Is that so?", "is that so?"},
	    {"nothing", "Nothing.", "nothing"},
	    {"nothing was found", "Nothing was found.", "nothing was found"},
	    {"Not found", "Not found.", "not found"},
	    {"there is no \"/Gr\xc3\xb6\xc3\x9f"
	     "e\"",
		"There is no \"/Gr\xc3\xb6\xc3\x9f"
		"e\".",
		"there is no \"/Gr\xc3\xb6\xc3\x9f"
		"e\""},
	    {"\"/a\" exists already", "\"/a\" exists already.",
		"\"/a\" exists already"},
	    {"MD5 does not match.", "MD5 does not match.",
		"MD5 does not match"},
	    {"memory_mb must be a number", "memory_mb must be a number.",
		"memory_mb must be a number"},
	    {"12 files are lost", "12 files are lost.", "12 files are lost"},
	    {"the folder \"/a...", "The folder \"/a...", "the folder \"/a..."},
	    {"mkfs: no space left\n", "Mkfs: no space left.",
		"mkfs: no space left"},
	    {"", "", ""},
	    {" \n", "", ""},
	    {".", ".", "."},
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		assert_string_equal(
		    nx_sentence_alone(cases[i].text, buf, sizeof(buf)),
		    cases[i].alone);
		assert_string_equal(
		    nx_sentence_behind(cases[i].text, buf, sizeof(buf)),
		    cases[i].behind);
	}
}

/* A form that is made twice is the same. */
static void
forms_are_kept(void **state)
{
	static const char text[] = "No, there is none: make one. Then again.";
	char once[64], twice[64];

	(void)state;
	nx_sentence_alone(text, once, sizeof(once));
	assert_string_equal(
	    nx_sentence_alone(once, twice, sizeof(twice)), once);
	nx_sentence_behind(text, once, sizeof(once));
	assert_string_equal(
	    nx_sentence_behind(once, twice, sizeof(twice)), once);
	assert_string_equal(
	    nx_sentence_alone(once, twice, sizeof(twice)), text);
}

static void
what_is_too_long_is_cut(void **state)
{
	char buf[8];

	(void)state;
	memset(buf, '#', sizeof(buf));
	assert_string_equal(nx_sentence_alone("no room", buf, 8), "No room");
	assert_string_equal(nx_sentence_alone("no room", buf, 7), "No roo");
	assert_string_equal(nx_sentence_behind("No r\xc3\xb6", buf, 6), "no r");
	assert_string_equal(nx_sentence_alone("no", buf, 1), "");
	assert_int_equal(buf[7], '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_has_two_forms),
	    cmocka_unit_test(forms_are_kept),
	    cmocka_unit_test(what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests_name("sentence", tests, NULL, NULL);
}
