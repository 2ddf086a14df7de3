/* What nexusctl writes: JSON and tables from messages, files from descriptors. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "nexusctl/transfer.h"

/* --- messages ----------------------------------------------------------------*/

static void
json_has_every_field(void **state)
{
	Nx__NodeInfo node = NX__NODE_INFO__INIT;
	char *command[] = {(char[]){"sh"}, (char[]){"-c"}};
	cJSON *json, *item;
	char *text;

	(void)state;
	node.id = (char[]){"abc"};
	node.memory = UINT64_MAX;
	node.limits_enforced = true;
	node.command = command;
	node.n_command = 2;
	json = ctl_json(&node.base);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	/* No digit may be lost on the way. */
	assert_non_null(strstr(text, "\"memory\":18446744073709551615,"));
	json = cJSON_Parse(text);
	free(text);
	assert_non_null(json);
	item = cJSON_GetObjectItem(json, "id");
	assert_string_equal("abc", cJSON_GetStringValue(item));
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "limits_enforced")));
	assert_string_equal(
	    "", cJSON_GetStringValue(cJSON_GetObjectItem(json, "exit_reason")));
	item = cJSON_GetObjectItem(json, "command");
	assert_int_equal(2, cJSON_GetArraySize(item));
	assert_int_equal(
	    nx__node_info__descriptor.n_fields, cJSON_GetArraySize(json));
	cJSON_Delete(json);
}

/* Whoever refused, and however it was written. */
static void
refusals_stand_behind_our_name(void **state)
{
	static const struct {
		const char *error, *said;
	} cases[] = {
	    {"There is no user \"x\".", "there is no user \"x\""},
	    {"you have 32 nodes: delete one first",
		"you have 32 nodes: delete one first"},
	    {"", "not found"},
	};
	struct ctl c = {0};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		struct nx_reply reply = {
		    .status = NX__STATUS__NOT_FOUND, .error = cases[i].error};

		assert_int_equal(
		    ctl_refused(&c, &reply), NX__STATUS__NOT_FOUND);
		assert_string_equal(c.error, cases[i].said);
	}
}

static void
json_goes_into_nested_messages(void **state)
{
	Nx__FileInfo file = NX__FILE_INFO__INIT;
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	Nx__TicketKey key = NX__TICKET_KEY__INIT;
	uint8_t bytes[] = {0x00, 0xff, 0x10};
	cJSON *json;

	(void)state;
	json = ctl_json(&reply.base);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "file")));
	cJSON_Delete(json);
	file.name = (char[]){"a \"quoted\" name"};
	reply.file = &file;
	json = ctl_json(&reply.base);
	assert_string_equal(file.name,
	    cJSON_GetStringValue(cJSON_GetObjectItem(
		cJSON_GetObjectItem(json, "file"), "name")));
	cJSON_Delete(json);
	key.key.data = bytes;
	key.key.len = sizeof(bytes);
	json = ctl_json(&key.base);
	assert_string_equal(
	    "00ff10", cJSON_GetStringValue(cJSON_GetObjectItem(json, "key")));
	cJSON_Delete(json);
}

/* Runs @print with stdout in a file; what it wrote. */
static char *
capture(void (*print)(void))
{
	char path[] = "/tmp/nexus-output.XXXXXX", *text;
	int fd = mkstemp(path), saved;

	assert_true(fd >= 0);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	print();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_true(nx_read_file(AT_FDCWD, path, 65536, &text) >= 0);
	unlink(path);
	return text;
}

static void
print_entries(void)
{
	static const struct ctl_column columns[] = {{"NAME", "name", CTL_TEXT},
	    {"TYPE", "folder", CTL_KIND}, {"SIZE", "size", CTL_SIZE},
	    {"ID", "id", CTL_SHORT}};
	Nx__FsEntry a = NX__FS_ENTRY__INIT, b = NX__FS_ENTRY__INIT;
	const ProtobufCMessage *rows[] = {&a.base, &b.base};

	a.name = (char[]){"\xc3\xbc"
			  "ber"}; /* five bytes, four characters */
	a.size = 1536;
	a.id = (char[]){"0123456789abcdef"};
	b.name = (char[]){"line\nbreak"};
	b.folder = true;
	ctl_table(rows, 2, columns, NX_ARRAY_SIZE(columns));
}

static void
tables_line_up(void **state)
{
	char *text = capture(print_entries);

	(void)state;
	assert_string_equal("NAME           TYPE    SIZE     ID\n"
			    "\xc3\xbc"
			    "ber           file    1.5 KiB  01234567\n"
			    "line\\x0abreak  folder  0 B      -\n",
	    text);
	free(text);
}

/* --- bytes -------------------------------------------------------------------*/

static char dir[] = "/tmp/nexus-transfer.XXXXXX";

static int
make_file(const char *name, const char *text)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	fd = openat(d, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(0, nx_write_full(fd, text, strlen(text)));
	assert_int_equal(0, lseek(fd, 0, SEEK_SET));
	close(d);
	return fd;
}

static void
feeds_files_and_pipes(void **state)
{
	struct ctl_progress progress = {0};
	int file = make_file("feed", "content"), in[2], out[2];
	uint64_t moved = 0;
	char buf[16] = "";

	(void)state;
	assert_int_equal(0, pipe2(out, O_CLOEXEC));
	assert_int_equal(0, ctl_feed(file, out[1], &progress, &moved));
	assert_int_equal(7, moved);
	assert_int_equal(7, read(out[0], buf, sizeof(buf)));
	assert_string_equal("content", buf);
	assert_int_equal(7, progress.done);
	assert_int_equal(0, pipe2(in, O_CLOEXEC));
	assert_int_equal(4, write(in[1], "pipe", 4));
	close(in[1]);
	assert_int_equal(0, ctl_feed(in[0], out[1], &progress, &moved));
	assert_int_equal(4, moved);
	/* The reader gave up. */
	close(out[0]);
	lseek(file, 0, SEEK_SET);
	assert_int_equal(-EPIPE, ctl_feed(file, out[1], &progress, &moved));
	close(in[0]);
	close(out[1]);
	close(file);
}

static void
copies_a_range_or_says_it_is_short(void **state)
{
	struct ctl_progress progress = {0};
	int from = make_file("from", "0123456789"), to = make_file("to", "");
	char buf[16] = "";

	(void)state;
	assert_int_equal(0, ctl_copy(from, 2, 5, to, &progress));
	assert_int_equal(5, pread(to, buf, sizeof(buf), 0));
	assert_string_equal("23456", buf);
	assert_int_equal(-ENODATA, ctl_copy(from, 8, 5, to, &progress));
	close(from);
	close(to);
}

static void
a_target_appears_when_it_is_whole(void **state)
{
	struct ctl_target target;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/whole", dir);
	assert_int_equal(0, ctl_target_open(&target, path, "x"));
	assert_int_equal(-1, access(path, F_OK));
	assert_int_equal(0, ctl_target_keep(&target));
	assert_int_equal(0, access(path, F_OK));
	ctl_target_fini(&target);
	/* In a directory it takes the file's own name. */
	assert_int_equal(0, ctl_target_open(&target, dir, "named"));
	assert_int_equal(0, ctl_target_keep(&target));
	ctl_target_fini(&target);
	snprintf(path, sizeof(path), "%s/named", dir);
	assert_int_equal(0, access(path, F_OK));
}

static void
a_broken_target_leaves_nothing(void **state)
{
	struct ctl_target target;
	char path[128], temporary[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/broken", dir);
	assert_int_equal(0, ctl_target_open(&target, path, "x"));
	snprintf(temporary, sizeof(temporary), "%s/%s", dir, target.temporary);
	assert_int_equal(0, access(temporary, F_OK));
	ctl_target_fini(&target);
	assert_int_equal(-1, access(temporary, F_OK));
	assert_int_equal(-1, access(path, F_OK));
}

/* Names of files are what some user chose. */
static void
a_name_does_not_lead_elsewhere(void **state)
{
	static const char *const names[] = {"../x", "a/b", "..", ".", ""};
	struct ctl_target target;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(names); i++) {
		assert_int_equal(
		    -EINVAL, ctl_target_open(&target, dir, names[i]));
		ctl_target_fini(&target);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void
terminals_are_not_steered(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {"plain", "plain"},
	    {"\033]0;owned\007", "\\x1b]0;owned\\x07"},
	    {"a\r\nb\tc", "a\\x0d\\x0ab\\x09c"},
	    {"gr\303\266\303\237e \360\237\230\200",
		"gr\303\266\303\237e \360\237\230\200"},
	    {"\302\2332J", "\\u009b2J"}, /* C1: CSI */
	    {"\233", "\\x9b"},           /* the bare byte */
	    {"\177", "\\u007f"},
	    {"a\342\200\256b", "a\\u202eb"},     /* turns around */
	    {"\355\240\200", "\\xed\\xa0\\x80"}, /* a surrogate */
	    {"\300\233", "\\xc0\\x9b"},          /* too long a form */
	    {"cut\303", "cut\\xc3"},
	};
	char buf[128], small[8];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++)
		assert_string_equal(
		    ctl_clean_text(cases[i].text, buf, sizeof(buf)),
		    cases[i].shown);
	/* Cut between characters, never within what stands for one. */
	assert_string_equal(
	    ctl_clean_text("abcdef\303\266", small, sizeof(small)), "abcdef");
	assert_string_equal(
	    ctl_clean_text("abcde\033", small, sizeof(small)), "abcde");
}

static void
lines_stay_lines(void **state)
{
	static const char text[] = "one\n\ttwo\0\033[31m\n";
	char *shown = NULL;
	size_t len;
	FILE *f = open_memstream(&shown, &len);

	(void)state;
	assert_non_null(f);
	ctl_clean(f, text, sizeof(text) - 1, true);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(shown, "one\n\ttwo\\x00\\x1b[31m\n");
	free(shown);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(terminals_are_not_steered),
	    cmocka_unit_test(lines_stay_lines),
	    cmocka_unit_test(json_has_every_field),
	    cmocka_unit_test(json_goes_into_nested_messages),
	    cmocka_unit_test(refusals_stand_behind_our_name),
	    cmocka_unit_test(tables_line_up),
	    cmocka_unit_test(feeds_files_and_pipes),
	    cmocka_unit_test(copies_a_range_or_says_it_is_short),
	    cmocka_unit_test(a_target_appears_when_it_is_whole),
	    cmocka_unit_test(a_broken_target_leaves_nothing),
	    cmocka_unit_test(a_name_does_not_lead_elsewhere),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
