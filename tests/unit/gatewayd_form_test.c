/* multipart/form-data in any pieces, and header values with parameters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "gatewayd/http/mime.h"
#include "gatewayd/http/multipart.h"

static struct http_span
span(const char *s)
{
	return (struct http_span){s, strlen(s)};
}

/* What happened, as text: "part(name,file)data..end." */
static void
run(const char *boundary, const char *data, size_t len, size_t step, char *out,
    size_t size)
{
	static struct multipart m;
	char type[128];
	size_t at = 0, n = 0;

	snprintf(
	    type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
	assert_null(multipart_init(&m, span(type)));
	out[0] = '\0';
	while (at < len) {
		struct http_span in = {
		    data + at, len - at < step ? len - at : step};

		at += in.len;
		while (in.len > 0) {
			switch (multipart_next(&m, &in)) {
			case MULTIPART_MORE: break;
			case MULTIPART_PART:
				n += (size_t)snprintf(out + n, size - n,
				    "part(%s,%s)", m.name,
				    m.is_file ? m.filename : "-");
				break;
			case MULTIPART_DATA:
				assert_true(n + m.data.len < size);
				memcpy(out + n, m.data.p, m.data.len);
				n += m.data.len;
				out[n] = '\0';
				break;
			case MULTIPART_PART_END:
				n += (size_t)snprintf(out + n, size - n, ".");
				break;
			case MULTIPART_END:
				n += (size_t)snprintf(out + n, size - n, "end");
				break;
			case MULTIPART_ERROR:
				snprintf(out + n, size - n, "error");
				return;
			}
		}
	}
	if (!multipart_done(&m))
		snprintf(out + n, size - n, "cut");
}

#define CD "Content-Disposition: form-data; "
#define A  CD "name=\"a\"\r\n\r\n"
#define F                                            \
	CD "name=\"file\"; filename=\"x y.bin\"\r\n" \
	   "Content-Type: application/octet-stream\r\n\r\n"

static const struct {
	const char *data, *events;
} forms[] = {
    {"--B\r\n" A "1\r\n--B--\r\n", "part(a,-)1.end"},
    {"--B\r\n" A "1\r\n--B--", "part(a,-)1.end"},
    {"preamble\r\n--B\r\n" A "\r\n--B--\r\nepilogue", "part(a,-).end"},
    {"--B \t\r\n" A "1\r\n--B\r\n" F "data\r\n\r\n--Bx\r\n-\r\n--B--\r\n",
	"part(a,-)1.part(file,x y.bin)data\r\n.error"},
    {"--B\r\n" A "1\r\n--B\r\n" F "\r\r\n\r\n-\r\n--\r\n--A\r\n--B--\r\n",
	"part(a,-)1.part(file,x y.bin)\r\r\n\r\n-\r\n--\r\n--A.end"},
    {"--B\r\n" F "\r\n--\r\n--B\r\n" A "2\r\n--B--\r\n",
	"part(file,x y.bin)\r\n--.part(a,-)2.end"},
    {"--B\r\n" A "1\r\n--B", "part(a,-)1cut"},
    {"--B\r\n" A "1", "part(a,-)1cut"},
    {"--B--\r\n", "end"},
    {"nothing at all", "cut"},
    {"--B\r\n\r\n1\r\n--B--\r\n", "error"},
    {"--B\r\nX: y\r\n\r\n1\r\n--B--\r\n", "error"},
    {"--B\r\n" CD "filename=\"x\"\r\n\r\n1\r\n--B--\r\n", "error"},
    {"--B\r\n" CD "name=\"a\"; name=\"b\"\r\n\r\n1\r\n--B--\r\n", "error"},
    {"--B\r\n" CD "name=\"a\"\n\r\n1\r\n--B--\r\n", "error"},
    {"--B\r\n" CD "name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
     "1\r\n--B--\r\n",
	"error"},
    {"--B\rx", "error"},
    {"--B\r\n" CD "name=a; filename=\"q\\\"r\"\r\n\r\n1\r\n--B--\r\n",
	"part(a,q\"r)1.end"},
};

static void
forms_do_not_depend_on_pieces(void **state)
{
	char out[512];
	size_t i, step;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(forms); i++)
		for (step = 1; step <= strlen(forms[i].data); step++) {
			run("B", forms[i].data, strlen(forms[i].data), step,
			    out, sizeof(out));
			if (strcmp(out, forms[i].events) != 0)
				fail_msg("form %zu in steps of %zu: %s", i,
				    step, out);
		}
}

static void
boundaries_are_checked(void **state)
{
	static const char *const bad[] = {
	    "multipart/form-data",
	    "multipart/form-data; boundary=",
	    "multipart/form-data; boundary=\"\"",
	    "multipart/form-data; boundary=\"a\rb\"",
	    "multipart/form-data; boundary=a; boundary=b",
	    "multipart/form-data; boundary=\"a ",
	    ("multipart/form-data; boundary=0123456789012345678901234567890123"
	     "456789012345678901234567890123456789x"),
	    "multipart/mixed; boundary=a",
	    "application/json",
	    "",
	};
	struct multipart m;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_non_null(multipart_init(&m, span(bad[i])));
	assert_non_null(multipart_init(&m, (struct http_span){NULL, 0}));
	assert_null(multipart_init(
	    &m, span("Multipart/Form-Data ; charset=x;boundary=\"a b:c\"")));
	assert_string_equal(m.delimiter, "\r\n--a b:c");
}

static void
parameters_are_unquoted(void **state)
{
	char v[8];

	(void)state;
	assert_int_equal(mime_param(span("x; n=abc"), "n", v, 8), 1);
	assert_string_equal(v, "abc");
	assert_int_equal(mime_param(span("x;N=\"a\\\"\\\\\""), "n", v, 8), 1);
	assert_string_equal(v, "a\"\\");
	assert_int_equal(mime_param(span("x; m=1;"), "n", v, 8), 0);
	assert_int_equal(mime_param(span("x"), "n", v, 8), 0);
	assert_int_equal(mime_param(span("x; n=12345678"), "n", v, 8), -EINVAL);
	assert_int_equal(mime_param(span("x; n=\"a"), "n", v, 8), -EINVAL);
	assert_int_equal(mime_param(span("x; n"), "n", v, 8), -EINVAL);
	assert_int_equal(mime_param(span("x; n=a b"), "n", v, 8), -EINVAL);
}

static void
attachments_are_harmless(void **state)
{
	static char name[256], out[1100];

	(void)state;
	mime_attachment("a b.txt", out, sizeof(out));
	assert_string_equal(out,
	    "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
	mime_attachment("\"\r\nX: y\\%/\xc3\xa4", out, sizeof(out));
	assert_string_equal(out,
	    "attachment; filename=\"___X: y____\"; "
	    "filename*=UTF-8''%22%0D%0AX%3A%20y%5C%25%2F%C3%A4");
	memset(name, 0xc3, 255);
	mime_attachment(name, out, sizeof(out));
	assert_int_equal(strlen(out), 22 + 255 + 20 + 3 * 255);
	mime_attachment(name, out, 100);
	assert_true(strlen(out) < 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forms_do_not_depend_on_pieces),
	    cmocka_unit_test(boundaries_are_checked),
	    cmocka_unit_test(parameters_are_unquoted),
	    cmocka_unit_test(attachments_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
