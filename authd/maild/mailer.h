/*
 * What a way to deliver mails is: it gets messages that have been checked and
 * composed, and says when one is safe: on disk, or with the next server.
 */
#ifndef MAILD_MAILER_H
#define MAILD_MAILER_H

#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "authd/maild/conf.h"

#define MAILD_SAID 200 /* a server's words, with the NUL */

/* One mail. @text is all of it (RFC 5322) with LF line ends. */
struct maild_mail {
	const char *from, *to, *subject;
	const char *text;
	size_t len;
	uint64_t expires_at; /* unix seconds; later it is not delivered */
};

/* What became of handing a mail to a server. */
struct maild_result {
	enum {
		MAILD_SENT,  /* the server has it */
		MAILD_LATER, /* it may go well another time */
		MAILD_NEVER, /* the server will not have this mail */
	} outcome;
	long code;             /* its last reply, 0: none */
	char said[MAILD_SAID]; /* printable ASCII: what it said, or what went
				* wrong; may repeat what was sent to it, so
				* it is shown to administrators, not logged */
};
typedef void maild_result_fn(const struct maild_result *result, void *arg);

struct maild_queue;

struct maild_method {
	const char *name;
	/* Opens what the method needs below @dir. 0 and *ret_state, or -errno
	 * with a sentence in @error. Runs before the sandbox's filter. */
	int (*open)(const struct maild_conf *conf, struct event_base *base,
	    const char *dir, void **ret_state, char error[256]);
	/* Delivers a copy of @mail; calls @done exactly once, now or later,
	 * with 0 when it is safe or -errno. */
	void (*deliver)(void *state, const struct maild_mail *mail,
	    void (*done)(int result, void *arg), void *arg);
	void (*close)(void *state);

	/* NULL where deliver() is all there is. */
	/* Delivers now, keeping nothing; calls @done once, later, unless
	 * the method is closed before. -ENOMEM, or -EBUSY: too many. */
	int (*test)(void *state, const struct maild_mail *mail,
	    maild_result_fn *done, void *arg);
	const char *(*server)(void *state); /* its name, for people */
	struct maild_queue *(*queue)(void *state);
};

#endif
