/* From libcurl's result to ours. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "authd/maild/smtp_result.h"
#include "common/err.h"

/* Strangers' bytes on their way to an administrator's terminal. */
static void
printable(char *out, size_t size, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < size; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

size_t
maild_talk_line(char *line, size_t size, size_t n, void *talk)
{
	struct maild_talk *t = talk;
	size_t len = size * n, all = len;

	t->heard += len;
	if (t->heard > MAILD_TALK_MAX)
		return 0; /* libcurl gives up */
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	/* Not its good-bye, which follows what it says of the mail. */
	if (len < 3 || memcmp(line, "221", 3) != 0)
		printable(t->last, sizeof(t->last), line, len);
	return all;
}

/* Of the answers to a mail these speak of who sends it. */
static bool
is_about_login(long code)
{
	return code == 503 || (code >= 530 && code <= 538);
}

static bool
is_for_good(CURLcode code, CURL *easy, long reply)
{
	curl_off_t uploaded = 0;

	if (reply < 500 || is_about_login(reply))
		return false;
	(void)curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	/* MAIL, RCPT and DATA; and the end of the text, which is the only
	 * unwelcome reply once there was text. */
	return code == CURLE_SEND_ERROR ||
	    (code == CURLE_WEIRD_SERVER_REPLY && uploaded > 0);
}

/* In words of our own, where libcurl's say less. */
static const struct {
	CURLcode code;
	const char *words;
} sentences[] = {
    {CURLE_USE_SSL_FAILED,
	"The server offers no encryption (STARTTLS), and nothing is sent "
	"without"},
    {CURLE_WRITE_ERROR, "The server said too much"},
    {CURLE_OPERATION_TIMEDOUT, "No answer in time"},
};

static void
words_of(CURLcode code, const struct maild_talk *t, long reply,
    char said[MAILD_SAID])
{
	const char *own = curl_easy_strerror(code);
	char error[MAILD_SAID];
	size_t i;

	if (code == CURLE_OK ||
	    (reply >= 400 && t->last[0] &&
		!(code == CURLE_USE_SSL_FAILED ||
		    code == CURLE_OPERATION_TIMEDOUT))) {
		snprintf(said, MAILD_SAID, "%s", t->last);
		return;
	}
	for (i = 0; i < NX_ARRAY_SIZE(sentences); i++)
		if (sentences[i].code == code)
			own = sentences[i].words;
	printable(error, sizeof(error), t->error, strlen(t->error));
	snprintf(said, MAILD_SAID, "%.90s%s%.100s", own, error[0] ? ": " : "",
	    error);
}

void
maild_result_of(CURLcode code, CURL *easy, const struct maild_talk *talk,
    struct maild_result *ret_result)
{
	struct maild_result r = {.outcome = MAILD_LATER};

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r.code);
	if (code == CURLE_OK)
		r.outcome = MAILD_SENT;
	else if (is_for_good(code, easy, r.code))
		r.outcome = MAILD_NEVER;
	words_of(code, talk, r.code, r.said);
	*ret_result = r;
}
