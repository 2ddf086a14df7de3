/*
 * A node as the daemon knows it. What is stored is in nodes.db (store.h); the
 * rest is found again after a restart.
 */
#ifndef NODEMGR_NODE_H
#define NODEMGR_NODE_H

#include "common/id.h"
#include "nodemgr/nodemgr.h"
#include "proto/node.pb-c.h"

#define NODE_SAMPLES  12 /* one minute */
#define NODE_STEP_LEN 16

enum node_state {
	NODE_CREATING,
	NODE_STOPPED,
	NODE_RUNNING,
	NODE_DELETING,
};

struct node_sample {
	uint64_t at_us; /* CLOCK_MONOTONIC; 0: none */
	struct nx_cgroup_stat stat;
};

struct node {
	struct node *next;
	struct nodemgr *m;

	/* stored */
	char id[NX_ID_LEN + 1], name[64], image[64];
	uint64_t owner, memory, storage;
	uint32_t cpu_weight, pids_max, address, uid_base;
	uint64_t created_at, started_at; /* unix seconds */
	enum node_state state;
	bool desired; /* shall run when the platform does */
	bool kept;    /* stopped by the platform's own stop */
	bool force;   /* DELETING: until it is done, however long it takes */
	bool fresh;   /* has not been started yet */
	bool failed;  /* ended otherwise than it was meant to */
	bool limits_enforced;
	pid_t pid;          /* of init, while RUNNING */
	uint64_t pid_start; /* its start time: pids are used again */
	char boot_id[40];   /* the boot that @pid is of */
	char exit_reason[64];
	uint64_t oom_kills; /* of runs that are over */
	char *command;      /* words, a NUL after each */
	size_t command_len;
	/* the operation under way and its step (op.h); "": none */
	char plan[NODE_STEP_LEN], step[NODE_STEP_LEN];

	/* found again */
	struct nx_warden warden; /* of init, and of the cgroup; watch.c */
	int status; /* of init, as waitpid gives it; -1: not known */
	struct op *op, *queue;
	bool plan_stored; /* the row says that one is under way */
	struct node_sample samples[NODE_SAMPLES];
	unsigned last_sample;
};

struct node *node_new(struct nodemgr *m);
/* Takes it out of the list and frees it. No operation may be left. */
void node_free(struct node *n);

/*
 * The node @text means for @who: a name, an id, or a unique prefix of an id.
 * NULL after having refused @r: others' nodes are not found.
 */
struct node *
node_find(struct nodemgr *m, struct nx_request *r, const char *text);
bool node_name_taken(struct nodemgr *m, uint64_t owner, const char *name);

/* The lowest address of the subnet that no node has; 0: full. */
uint32_t node_free_address(const struct nodemgr *m);
/* The lowest range of ids that no node has; 0: none. */
uint32_t node_free_ids(const struct nodemgr *m);

/* What goes into a reply; free with node_info_fini(). */
void node_info(const struct node *n, Nx__NodeInfo *ret_info);
void node_info_fini(Nx__NodeInfo *info);
void node_answer(struct nx_request *r, const struct node *n);

/* OOM kills, with those of the present run. */
uint64_t node_oom_kills(const struct node *n);

/* @command of a request into the stored form. 0 or -ENOMEM. */
int node_command_set(struct node *n, char **words, size_t n_words);
/* A NULL-terminated vector with room for @reserve before it, all borrowed from
 * @n; free() it. NULL: out of memory. */
char **node_command_get(const struct node *n, size_t reserve);

/* --- watching its init (watch.c) -------------------------------------------- */

#define NODE_START_MS 15000 /* for the child's part, network included */

/* @arg is the node. What is heard goes into the operation that launches it; an
 * end that no operation waits for begins `end`. */
extern const struct nx_warden_ops node_warden_ops;
/* After its end: fills in exit_reason, failed, oom_kills. */
void node_note_end(struct node *n, bool stopped);
/* Finds the cgroup and the init of a node that should be running after a
 * restart; does it live? Then it is watched. */
bool node_adopt(struct node *n);
/* Start time of @pid in clock ticks since boot, 0: no such process. */
uint64_t node_pid_start(pid_t pid);

/* --- files (files.c) --------------------------------------------------------- */

/* The log, for init to write; the status file, emptied. -errno */
int node_log_open(const struct node *n);
int node_status_open(const struct node *n);
/* The end of its log on one line, for people: what is not plain text is left
 * out. "" when there is none. */
void node_log_last(const struct node *n, char *buf, size_t size);
/* What init recorded: "exit 3", "signal 9"; false: nothing. */
bool node_status_read(const struct node *n, char word[16], int *ret_value);
void node_files_remove(const struct node *n);

#endif
