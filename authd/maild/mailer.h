/*
 * What a way to deliver mails is: it gets messages that have been checked and
 * composed, and says when one is safe: on disk, or with the next server.
 */
#ifndef MAILD_MAILER_H
#define MAILD_MAILER_H

#include <stddef.h>

#include "authd/maild/conf.h"

/* One mail. @text is all of it (RFC 5322) with LF line ends. */
struct maild_mail {
	const char *from, *to;
	const char *text;
	size_t len;
};

struct maild_method {
	const char *name;
	/* Opens what the method needs below @dir. 0 and *ret_state, or -errno
	 * with a sentence in @error. Runs before the sandbox's filter. */
	int (*open)(const struct maild_conf *conf, const char *dir,
	    void **ret_state, char error[256]);
	/* Delivers a copy of @mail; calls @done exactly once, now or later,
	 * with 0 when it is safe or -errno. */
	void (*deliver)(void *state, const struct maild_mail *mail,
	    void (*done)(int result, void *arg), void *arg);
	void (*close)(void *state);
};

#endif
