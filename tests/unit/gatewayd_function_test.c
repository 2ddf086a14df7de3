/* Functions: what comes back of what they say, and whom they outlive. */
#include "tests/unit/gatewayd_lab.h"

static void
a_client_that_goes_cancels(void **state)
{
	static const char request[] = "POST /api/lambda/run HTTP/1.1\r\n" AUTH
				      "Content-Length: 12\r\n\r\n"
				      "{\"code\":\"1\"}";
	int fd = client();

	(void)state;
	lab.hold_lambda = true;
	say(fd, request, strlen(request), 1000);
	lab_turn(50);
	assert_non_null(lab.held);
	assert_int_equal(lab.cancelled, 0);
	close(fd);
	for (int i = 0; i < 100 && !lab.cancelled; i++)
		lab_turn(50);
	assert_int_equal(lab.cancelled, lab.call);
	assert_null(lab.held);
	/* one that is answered is not cancelled */
	lab.hold_lambda = false;
	free(ask("POST /api/lambda/run HTTP/1.1", "{\"code\":\"1\"}", NULL));
	assert_true(lab.cancelled < lab.call);
}

static void
output_is_whole(void **state)
{
	char *a;

	(void)state;
	lab.function_says = "a\0\xc3\xa9\n";
	lab.function_len = 5;
	a = ask("POST /api/lambda/run HTTP/1.1", "{\"code\":\"1\"}", NULL);
	assert_in(a, "\"stdout\":\"a\\u0000\xc3\xa9\\n\",\"stderr\":\"\"");
	assert_null(strstr(a, "base64"));
	free(a);
	lab.function_says = "a\xff\0b";
	lab.function_len = 4;
	a = ask("POST /api/lambda/run HTTP/1.1", "{\"code\":\"1\"}", NULL);
	assert_in(a,
	    "\"stdout\":\"a\xef\xbf\xbd\\u0000"
	    "b\",\"stdout_base64\":\"Yf8AYg==\",\"stderr\":\"\"");
	free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_client_that_goes_cancels, lab_up, lab_down),
	    cmocka_unit_test_setup_teardown(output_is_whole, lab_up, lab_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
