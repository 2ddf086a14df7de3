/* How often a file is to be there, as clients ask for it. */
#include "tests/unit/gatewayd_lab.h"

/* In a field or in the query, small or not. */
static void
copies_are_asked_for(void **state)
{
	static const struct {
		const char *target, *fields, *erasure;
		unsigned replicas, status;
	} asked[] = {
	    {"/api/fs/file?path=/x", "", "", 0, 201},
	    {"/api/fs/file?path=/x", "X-Nexus-Erasure: 2+1\r\n", "2+1", 0, 201},
	    {"/api/fs/file?path=/x&erasure=4%2B2", "", "4+2", 0, 201},
	    {"/api/files/x?replicas=3", "", "", 3, 201},
	    {"/api/files/x", "X-Nexus-Replicas: 1\r\n", "", 1, 201},
	    {"/api/files/x", "X-Nexus-Replicas: 5\r\n", "", 0, 400},
	    {"/api/files/x", "X-Nexus-Replicas: 11\r\n", "", 0, 400},
	    {"/api/files/x", "X-Nexus-Erasure: 12345678\r\n", "", 0, 400},
	    {"/api/files/x?erasure=", "", "", 0, 400},
	    {"/api/files/x?erasure=2%2B1", "X-Nexus-Erasure: 2+1\r\n", "", 0,
		400},
	    {"/api/files/x?other=1", "", "", 0, 400},
	};
	static const size_t sizes[] = {100, 300000};
	char *data = big(300000);

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(asked) * 2; i++) {
		size_t n = sizes[i % 2];
		unsigned k = (unsigned)i / 2;
		char head[512], *a;

		snprintf(head, sizeof(head),
		    "PUT %s HTTP/1.1\r\n" AUTH "%sContent-Length: %zu\r\n\r\n",
		    asked[k].target, asked[k].fields, n);
		a = send_body(head, data, n, 65536);
		if (asked[k].status != 201) {
			assert_status(a, 400);
			free(a);
			continue;
		}
		assert_status(a, 201);
		free(a);
		assert_string_equal(lab.open_erasure, asked[k].erasure);
		assert_int_equal(lab.open_replicas, asked[k].replicas);
	}
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(copies_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
