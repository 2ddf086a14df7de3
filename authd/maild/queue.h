/*
 * Mails on their way to a server that may be away: on disk before they count as
 * taken, tried again with growing pauses (retry.h), given up when they expire,
 * and there again after a restart, which makes each try at once.
 *
 * A mail goes when the server has said that it has it. Killed between that word
 * and the file's removal, maild sends it once more: rather twice than not.
 */
#ifndef MAILD_QUEUE_H
#define MAILD_QUEUE_H

#include <stdbool.h>
#include <sys/queue.h>
#include <event2/event.h>

#include "authd/maild/mailer.h"
#include "authd/maild/retry.h"
#include "authd/maild/spool.h"

/* Whoever carries them. */
struct maild_sender {
	void *ctx;
	/* Begins; calls @done once, later, unless it was cancelled. 0 and
	 * *ret_sending, or -errno. */
	int (*start)(void *ctx, const struct maild_mail *mail,
	    uint64_t timeout_ms, maild_result_fn *done, void *arg,
	    void **ret_sending);
	void (*cancel)(void *sending);
};

struct maild_queue_config {
	struct event_base *base;
	const char *from;
	struct maild_sender sender;
	struct maild_retry retry;
	uint64_t keep;       /* mails at most */
	uint64_t parallel;   /* of them under way at once */
	uint64_t timeout_ms; /* of one try */
};

struct maild_queued {
	TAILQ_ENTRY(maild_queued) entry; /* all, in the order they came */
	TAILQ_ENTRY(maild_queued) turn;  /* those whose turn it is */
	struct maild_queue *q;
	uint64_t seq; /* a cursor for lists */
	char id[NX_ID_LEN + 1];
	struct maild_spooled head;
	uint64_t end_ms, next_ms; /* CLOCK_MONOTONIC */
	unsigned tries;
	char error[MAILD_SAID]; /* of the last one */
	struct event *timer;
	bool due;      /* it has a turn */
	void *sending; /* under way */
};

struct maild_queue_stats {
	uint64_t queued, sent, failed, expired;
	uint64_t oldest_s;
	char last_error[MAILD_SAID]; /* "": none yet */
	uint64_t last_error_at;      /* unix seconds */
};

/* Takes up what is in @dir/queue. 0, or -errno with a sentence. */
int maild_queue_new(const struct maild_queue_config *config, const char *dir,
    struct maild_queue **ret_queue, char error[256]);
/* What waits stays on disk. Returns NULL. */
struct maild_queue *maild_queue_free(struct maild_queue *q);

/* 0: it is on disk and will be tried until it expires. -ENOSPC: there are as
 * many as may be. -errno. */
int maild_queue_add(struct maild_queue *q, const struct maild_mail *mail);
/* The first that came after @seq; NULL: none. */
const struct maild_queued *
maild_queue_after(const struct maild_queue *q, uint64_t seq);
/* When it is tried next, in unix seconds; 0: it is under way, or will not be. */
uint64_t maild_queue_next_at(const struct maild_queued *m);
/* Lets all that wait be tried now; how many those are. */
size_t maild_queue_flush(struct maild_queue *q);
/* The one whose id begins with @prefix; *ret_many: there are others. */
struct maild_queued *
maild_queue_find(struct maild_queue *q, const char *prefix, bool *ret_many);
/* It is not delivered. 0 or -errno, and then it stays. */
int maild_queue_drop(struct maild_queued *m);
void maild_queue_stats(
    const struct maild_queue *q, struct maild_queue_stats *ret_stats);

#endif
