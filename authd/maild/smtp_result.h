/*
 * What a server said, and what follows from it for the mail.
 */
#ifndef MAILD_SMTP_RESULT_H
#define MAILD_SMTP_RESULT_H

#include <curl/curl.h>

#include "authd/maild/mailer.h"

#define MAILD_TALK_MAX (64U << 10) /* bytes a server may say */

/* Kept while a mail is handed over. */
struct maild_talk {
	char last[MAILD_SAID]; /* its last line, printable */
	size_t heard;
	uint64_t timeout_ms;
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* CURLOPT_HEADERFUNCTION, with a struct maild_talk: libcurl gives each line of
 * the server's to it. */
size_t maild_talk_line(char *line, size_t size, size_t n, void *talk);

/*
 * A reply of 5xx to the mail itself (its sender, its recipient, its text) is for
 * good. Everything else may change, by itself or by whoever runs the servers: no
 * way there, no encryption, a certificate that is not trusted, a password that is
 * not taken.
 */
void maild_result_of(CURLcode code, CURL *easy, const struct maild_talk *talk,
    struct maild_result *ret_result);

#endif
