/* libcurl's multi interface, driven by libevent. */
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "authd/maild/address.h"
#include "authd/maild/smtp.h"
#include "authd/maild/smtp_result.h"
#include "authd/maild/transfer.h"
#include "common/err.h"
#include "common/log.h"

struct sending {
	LIST_ENTRY(sending) entry;
	struct maild_smtp *s;
	CURL *easy;
	struct curl_slist *to;
	char *text; /* with CRLF line ends */
	size_t len, sent;
	struct maild_talk talk;
	maild_result_fn *done;
	void *arg;
};

struct maild_smtp {
	struct event_base *base;
	const struct maild_server *server;
	uint64_t connect_timeout_ms;
	CURLM *multi;
	struct event *timer;
	LIST_HEAD(, sending) all;
};

const char *
maild_smtp_prepare(void)
{
	/* Modules of others (systemd's, Avahi's) would be loaded when the first
	 * name is looked up, as code, which the filter kills for. */
	(void)__nss_configure_lookup("hosts", "files dns");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		nx_fatal(-ENOMEM, "libcurl");
	return curl_version_info(CURLVERSION_NOW)->cainfo;
}

/* --- libcurl on the loop ----------------------------------------------------*/

static void
sending_free(struct sending *g)
{
	if (g->easy) {
		(void)curl_multi_remove_handle(g->s->multi, g->easy);
		curl_easy_cleanup(g->easy);
	}
	curl_slist_free_all(g->to);
	if (g->text)
		explicit_bzero(g->text, g->len);
	free(g->text);
	LIST_REMOVE(g, entry);
	free(g);
}

/* The callback may begin others: the list is asked anew each time. */
static void
tell_who_is_done(struct maild_smtp *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left))) {
		struct maild_result result;
		struct sending *g;
		maild_result_fn *done;
		void *arg;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &g);
		maild_result_of(
		    m->data.result, m->easy_handle, &g->talk, &result);
		done = g->done;
		arg = g->arg;
		sending_free(g);
		done(&result, arg);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct maild_smtp *s = arg;
	int running,
	    mask = (what & EV_READ ? CURL_CSELECT_IN : 0) |
	    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(s->multi, fd, mask, &running);
	tell_who_is_done(s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct maild_smtp *s = arg;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(
	    s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_who_is_done(s);
}

/* libcurl wants to hear of @fd, or not any more. */
static int
watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct maild_smtp *s = arg;
	struct event *ev = known;
	short kind = EV_PERSIST;

	(void)easy;
	if (ev)
		event_free(ev);
	ev = NULL;
	if (what & CURL_POLL_IN)
		kind |= EV_READ;
	if (what & CURL_POLL_OUT)
		kind |= EV_WRITE;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(s->base, fd, kind, on_socket, s);
		if (!ev || event_add(ev, NULL) < 0)
			nx_err("event=no-event"); /* it ends by its timeout */
	}
	(void)curl_multi_assign(s->multi, fd, ev);
	return 0;
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct maild_smtp *s = arg;
	const struct timeval tv = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)multi;
	if (ms < 0)
		return evtimer_del(s->timer);
	return evtimer_add(s->timer, &tv);
}

int
maild_smtp_new(struct event_base *base, const struct maild_server *server,
    uint64_t connect_timeout_ms, struct maild_smtp **ret_smtp)
{
	struct maild_smtp *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->base = base;
	s->server = server;
	s->connect_timeout_ms = connect_timeout_ms;
	LIST_INIT(&s->all);
	s->multi = curl_multi_init();
	s->timer = evtimer_new(base, on_timer, s);
	if (!s->multi || !s->timer ||
	    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, watch) ||
	    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s) ||
	    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
	    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s)) {
		maild_smtp_free(s);
		return -ENOMEM;
	}
	*ret_smtp = s;
	return 0;
}

struct maild_smtp *
maild_smtp_free(struct maild_smtp *s)
{
	struct sending *g;

	if (!s)
		return NULL;
	while ((g = LIST_FIRST(&s->all)))
		sending_free(g);
	if (s->multi)
		(void)curl_multi_cleanup(s->multi);
	if (s->timer)
		event_free(s->timer);
	free(s);
	return NULL;
}

/* --- one mail ---------------------------------------------------------------*/

static size_t
give_text(char *buf, size_t size, size_t n, void *arg)
{
	struct sending *g = arg;
	size_t len = g->len - g->sent, room = size * n;

	if (len > room)
		len = room;
	memcpy(buf, g->text + g->sent, len);
	g->sent += len;
	return len;
}

static bool
set_up_talk(struct sending *g, const struct maild_mail *mail)
{
	char from[MAILD_ADDRESS_MAX + 3], to[MAILD_ADDRESS_MAX + 3];

	nx_assert(
	    maild_address_valid(mail->from) && maild_address_valid(mail->to));
	snprintf(from, sizeof(from), "<%s>", mail->from);
	snprintf(to, sizeof(to), "<%s>", mail->to);
	g->to = curl_slist_append(NULL, to);
	return g->to && !curl_easy_setopt(g->easy, CURLOPT_MAIL_FROM, from) &&
	    !curl_easy_setopt(g->easy, CURLOPT_MAIL_RCPT, g->to) &&
	    !curl_easy_setopt(g->easy, CURLOPT_UPLOAD, 1L) &&
	    !curl_easy_setopt(g->easy, CURLOPT_READFUNCTION, give_text) &&
	    !curl_easy_setopt(g->easy, CURLOPT_READDATA, g) &&
	    !curl_easy_setopt(
		g->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)g->len) &&
	    !curl_easy_setopt(
		g->easy, CURLOPT_HEADERFUNCTION, maild_talk_line) &&
	    !curl_easy_setopt(g->easy, CURLOPT_HEADERDATA, &g->talk) &&
	    !curl_easy_setopt(g->easy, CURLOPT_ERRORBUFFER, g->talk.error) &&
	    !curl_easy_setopt(g->easy, CURLOPT_PRIVATE, g);
}

/* Encrypted or not at all: with TRY instead of ALL it would go on in clear
 * when the offer is taken out on the way. */
static bool
set_up_tls(CURL *easy, const struct maild_server *server)
{
	struct curl_blob trusted = {
	    .data = server->trusted, .flags = CURL_BLOB_NOCOPY};

	if (!server->tls)
		return !curl_easy_setopt(
		    easy, CURLOPT_USE_SSL, CURLUSESSL_NONE);
	trusted.len = strlen(server->trusted);
	return !curl_easy_setopt(easy, CURLOPT_USE_SSL, CURLUSESSL_ALL) &&
	    !curl_easy_setopt(
		easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) &&
	    !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
	    !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
	    !curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) &&
	    !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) &&
	    !curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &trusted);
}

static bool
set_up_user(CURL *easy, const struct maild_server *server)
{
	return !server->user ||
	    (!curl_easy_setopt(easy, CURLOPT_USERNAME, server->user) &&
		!curl_easy_setopt(easy, CURLOPT_PASSWORD, server->password) &&
		!curl_easy_setopt(
		    easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN"));
}

static bool
set_up_way(CURL *easy, const struct maild_smtp *s, uint64_t timeout_ms)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps"))
		return false;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Else who gives up a name waits for the thread that asks for it. */
	if (curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L))
		return false;
#endif
	return !curl_easy_setopt(easy, CURLOPT_URL, s->server->url) &&
	    !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	    !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	    !curl_easy_setopt(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED) &&
	    !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	    !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	    !curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L) &&
	    !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
	    !curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout_ms);
}

int
maild_smtp_start(void *smtp, const struct maild_mail *mail, uint64_t timeout_ms,
    maild_result_fn *done, void *arg, void **ret_sending)
{
	struct maild_smtp *s = smtp;
	struct sending *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	LIST_INSERT_HEAD(&s->all, g, entry);
	g->s = s;
	g->done = done;
	g->arg = arg;
	g->talk.timeout_ms = timeout_ms;
	g->text = maild_transfer_encode(mail->text, mail->len, &g->len);
	g->easy = curl_easy_init();
	if (!g->text || !g->easy || !set_up_talk(g, mail) ||
	    !set_up_tls(g->easy, s->server) ||
	    !set_up_user(g->easy, s->server) ||
	    !set_up_way(g->easy, s, timeout_ms) ||
	    curl_multi_add_handle(s->multi, g->easy) != CURLM_OK) {
		sending_free(g);
		return -ENOMEM;
	}
	*ret_sending = g;
	return 0;
}

void
maild_smtp_cancel(void *sending)
{
	sending_free(sending);
}
