/* Messages and the outbox they land in, through maild's own handler. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "authd/maild/maild.h"
#include "authd/maild/message.h"
#include "authd/maild/transfer.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "proto/serve_maild.h"

struct world {
	char dir[64], from[32], method[16];
	struct maild_conf conf;
	struct maild m;
	struct event_base *base;
	struct nx_hub *mail, *auth;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct nx_hub_config mail = {.self = NX_ROLE_MAIL,
	    .handlers = maild_handlers,
	    .n_handlers = maild_handlers_count,
	    .ctx = &w->m};
	struct nx_hub_config auth = {.self = NX_ROLE_AUTH};
	char error[256] = "";
	int fds[2];

	nx_log_open("test", false);
	strcpy(w->dir, "/tmp/nexus-mail-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	strcpy(w->from, "nexus@localhost");
	strcpy(w->method, "outbox");
	w->conf.from = w->from;
	w->conf.deliver = w->method;
	w->conf.keep = 20;
	w->m.conf = &w->conf;
	w->base = mail.base = auth.base = event_base_new();
	assert_int_equal(maild_open(&w->m, w->base, w->dir, error), 0);
	assert_int_equal(nx_hub_new(&mail, &w->mail), 0);
	assert_int_equal(nx_hub_new(&auth, &w->auth), 0);
	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
	    0);
	assert_int_equal(nx_hub_attach(w->mail, NX_ROLE_AUTH, 0, 1, fds[0]), 0);
	assert_int_equal(nx_hub_attach(w->auth, NX_ROLE_MAIL, 0, 1, fds[1]), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	nx_hub_free(w->mail);
	nx_hub_free(w->auth);
	event_base_free(w->base);
	maild_close(&w->m);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void
on_reply(const struct nx_reply *reply, void *arg)
{
	*(int *)arg = (int)reply->status;
}

static int
send_mail(
    struct world *w, const char *to, const char *subject, const char *text)
{
	Nx__MailSendRequest q = NX__MAIL_SEND_REQUEST__INIT;
	int status = -1;

	q.to = (char *)(uintptr_t)to;
	q.subject = (char *)(uintptr_t)subject;
	q.text = (char *)(uintptr_t)text;
	assert_non_null(nx_call(w->auth,
	    (struct nx_ask){NX_ROLE_MAIL, NX__METHOD__MAIL_SEND, &q.base}, NULL,
	    on_reply, &status));
	while (status < 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	return status;
}

/* Names in a folder of the outbox; the last one's path in @path. */
static unsigned
count(struct world *w, const char *folder, char path[512])
{
	struct dirent *e;
	unsigned n = 0;
	char dir[128];
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/%s", w->dir, folder);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			n++;
			if (path)
				snprintf(path, 512, "%s/%s", dir, e->d_name);
		}
	closedir(d);
	return n;
}

static void
test_delivery(void **state)
{
	static const char wanted[] = "From: Nexus <nexus@localhost>\n"
				     "To: <alice@example.org>\n"
				     "Subject: Hello\n"
				     "Date: ";
	struct world *w = *state;
	char path[512], *text;
	struct stat st;

	assert_int_equal(send_mail(w, "alice@example.org", "Hello",
			     "gr\xc3\xbc\xc3\x9f\n"
			     "\n123456\n"),
	    NX__STATUS__OK);
	assert_int_equal(count(w, "new", path), 1);
	assert_int_equal(count(w, "tmp", NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(nx_read_file(AT_FDCWD, path, 65536, &text) > 0);
	assert_memory_equal(text, wanted, sizeof(wanted) - 1);
	assert_non_null(strstr(text, "\nMessage-ID: <"));
	assert_non_null(strstr(text, "\n\ngr\xc3\xbc\xc3\x9f\n\n123456\n"));
	assert_null(strchr(text, '\r'));
	free(text);
}

static void
test_refused(void **state)
{
	struct world *w = *state;
	char line[MAILD_LINE_MAX + 2], subject[MAILD_SUBJECT_MAX + 2];
	size_t i;

	assert_int_equal(send_mail(w, "alice", "s", "t"), NX__STATUS__INVALID);
	assert_int_equal(
	    send_mail(w, "a@b\nBcc: c@d", "s", "t"), NX__STATUS__INVALID);
	assert_int_equal(send_mail(w, "a@b", "", "t"), NX__STATUS__INVALID);
	assert_int_equal(
	    send_mail(w, "a@b", "s\nBcc: c@d", "t"), NX__STATUS__INVALID);
	assert_int_equal(send_mail(w, "a@b", "gr\xc3\xbc\xc3\x9f", "t"),
	    NX__STATUS__INVALID);
	/* Through the hub these do not even come; the rule knows them too. */
	assert_non_null(maild_message_check("a@b", "s\r\nBcc: c@d", "t"));
	assert_non_null(maild_message_check("a@b", "s", "t\r\n"));
	assert_non_null(maild_message_check("a@b", "s", "t\x1b[0m"));
	assert_non_null(maild_message_check("a@b", "s", "\xc3"));
	assert_non_null(maild_message_check("a@b", "s", "\xc0\x80"));
	assert_non_null(maild_message_check("a@b", "s", "\xed\xa0\x80"));
	assert_non_null(maild_message_check("a@b", "s", "\xf4\x90\x80\x80"));
	memset(line, 'x', sizeof(line));
	line[MAILD_LINE_MAX + 1] = '\0';
	assert_non_null(maild_message_check("a@b", "s", line));
	line[MAILD_LINE_MAX] = '\0';
	assert_null(maild_message_check("a@b", "s", line));
	for (i = 0; i <= MAILD_SUBJECT_MAX; i++)
		subject[i] = 's';
	subject[MAILD_SUBJECT_MAX + 1] = '\0';
	assert_non_null(maild_message_check("a@b", subject, "t"));
	subject[MAILD_SUBJECT_MAX] = '\0';
	assert_null(maild_message_check("a@b", subject, "t"));
	assert_int_equal(count(w, "new", NULL), 0);
}

/* The date of RFC 5322, and no six digits in any header. */
static void
test_headers(void **state)
{
	size_t len;
	char *m = maild_message_compose(
	    "nexus@localhost", "a@b", "s", "t", 1700000000, &len);

	(void)state;
	assert_non_null(m);
	assert_int_equal(strlen(m), len);
	assert_non_null(strstr(m, "\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n"));
	assert_non_null(strstr(m, "@localhost>\nMIME-Version: 1.0\n"));
	free(m);
}

/* The newest stay. */
static void
test_bounded(void **state)
{
	struct world *w = *state;
	unsigned i, n;

	for (i = 0; i < 60; i++)
		assert_int_equal(send_mail(w, "a@b", "s", "t"), NX__STATUS__OK);
	n = count(w, "new", NULL);
	assert_in_range(n, 18, 20);
}

static void
test_failure_is_told(void **state)
{
	struct world *w = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/new", w->dir);
	/* The folder is removed from under it. */
	assert_int_equal(rmdir(path), 0);
	assert_int_not_equal(send_mail(w, "a@b", "s", "t"), NX__STATUS__OK);
	assert_int_equal(w->m.failed, 1);
	assert_int_equal(count(w, "tmp", NULL), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* What a crash left in tmp/ goes, what was delivered stays. */
static void
test_restart(void **state)
{
	struct world *w = *state;
	char path[128], error[256];
	int fd;

	send_mail(w, "a@b", "s", "t");
	snprintf(path, sizeof(path), "%s/tmp/half", w->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	maild_close(&w->m);
	assert_int_equal(maild_open(&w->m, w->base, w->dir, error), 0);
	assert_int_equal(count(w, "tmp", NULL), 0);
	assert_int_equal(count(w, "new", NULL), 1);
}

static void
test_configuration(void **state)
{
	struct world *w = *state;
	char error[256] = "", wrong[] = "pigeon", address[] = "nobody";
	struct maild m = {.conf = &w->conf};

	w->conf.deliver = wrong;
	assert_int_equal(maild_open(&m, w->base, w->dir, error), -EINVAL);
	assert_non_null(strstr(error, "pigeon"));
	w->conf.deliver = w->method;
	w->conf.from = address;
	assert_int_equal(maild_open(&m, w->base, w->dir, error), -EINVAL);
	w->conf.from = w->from;
	assert_int_equal(
	    maild_open(&m, w->base, "/nonexistent", error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent"));
}

/* As it goes to a mail server. */
static void
test_transfer(void **state)
{
	static const char plain[] = "A: b\n\n.dot\n\nend\n",
			  more[] = "Content-Transfer-Encoding: 8bit\n\n"
				   "gr\xc3\xbc\xc3\x9f = \n";
	char long_text[1024] = "A: b\n\n", *text;
	size_t len, i, line = 0;

	(void)state;
	text = maild_transfer_encode(plain, sizeof(plain) - 1, &len);
	assert_int_equal(len, 21);
	assert_memory_equal(text, "A: b\r\n\r\n.dot\r\n\r\nend\r\n", len);
	free(text);
	text = maild_transfer_encode(more, sizeof(more) - 1, &len);
	assert_memory_equal(text,
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "gr=C3=BC=C3=9F =3D=20\r\n",
	    len);
	free(text);
	memset(long_text + 6, '\xff', 998);
	long_text[6 + 998] = '\n';
	text = maild_transfer_encode(long_text, 6 + 999, &len);
	for (i = 0; i < len; i++) {
		line = text[i] == '\n' ? 0 : line + 1;
		assert_true(line <= 77); /* 76 and the CR */
	}
	free(text);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_delivery),
	    T(test_refused),
	    T(test_headers),
	    T(test_bounded),
	    T(test_failure_is_told),
	    T(test_restart),
	    T(test_configuration),
	    cmocka_unit_test(test_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
