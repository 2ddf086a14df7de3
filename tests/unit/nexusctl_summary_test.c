/*
 * What nexusctl status says in short: fields by their names, one of a thing and
 * more of them, and findings only where there is something to find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "nexusctl/summary.h"
#include "proto/care.pb-c.h"

static void
says(const Nx__StorageStatusReply *s, const char *template, const char *wanted)
{
	char line[CTL_SUMMARY];

	ctl_summarize(&s->base, template, line);
	assert_string_equal(line, wanted);
}

static void
test_fields(void **state)
{
	Nx__StorageStatusReply s = NX__STORAGE_STATUS_REPLY__INIT;

	(void)state;
	s.files = 1;
	s.volumes = 2;
	s.bytes = 3 << 20;
	s.removing = true;
	s.away_note = (char *)"alpha: its disk is away";
	says(&s, "", "");
	says(&s, "{files file|files} on {volumes volume|volumes}",
	    "1 file on 2 volumes");
	says(&s, "{chunks chunk|chunks}", "0 chunks");
	says(&s, "{bytes size}, {files}; {removing yes}", "3.0 MiB, 1; yes");
	says(&s, "why: {away_note}.", "why: alpha: its disk is away.");
}

static void
test_what_a_terminal_obeys(void **state)
{
	Nx__StorageStatusReply s = NX__STORAGE_STATUS_REPLY__INIT;

	(void)state;
	s.away_note = (char *)"a\033[2Jb";
	says(&s, "{away_note}", "a\\x1b[2Jb");
}

static void
test_long_text_is_cut(void **state)
{
	Nx__StorageStatusReply s = NX__STORAGE_STATUS_REPLY__INIT;
	char text[2 * CTL_SUMMARY], line[CTL_SUMMARY];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	s.away_note = text;
	ctl_summarize(&s.base, "{away_note} and {away_note}", line);
	assert_true(strlen(line) < CTL_SUMMARY);
	assert_true(strlen(line) > CTL_SUMMARY / 2);
}

static void
test_findings(void **state)
{
	static const struct ctl_finding full = {"disk_full", "full", NULL},
					suspect = {"suspect", "some", NULL},
					why = {"catalogue_note",
					    "{catalogue_note}",
					    "catalogue_copies"};
	Nx__StorageStatusReply s = NX__STORAGE_STATUS_REPLY__INIT;

	(void)state;
	assert_false(ctl_is_found(&s.base, &full));
	assert_false(ctl_is_found(&s.base, &suspect));
	assert_false(ctl_is_found(&s.base, &why));
	s.disk_full = true;
	s.suspect = 2;
	s.catalogue_note = (char *)"no room";
	assert_true(ctl_is_found(&s.base, &full));
	assert_true(ctl_is_found(&s.base, &suspect));
	assert_true(ctl_is_found(&s.base, &why));
	s.catalogue_copies = 1;
	assert_false(ctl_is_found(&s.base, &why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_what_a_terminal_obeys),
	    cmocka_unit_test(test_long_text_is_cut),
	    cmocka_unit_test(test_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
