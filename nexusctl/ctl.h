/*
 * What the commands share: the connection to nexusd and, through it, to the
 * daemons; calls that wait for their answer; how results are shown.
 *
 * nexusctl trusts the daemons to mean well, not to be there: everything has a
 * limit in time and a sentence for when it does not come.
 */
#ifndef NEXUSCTL_CTL_H
#define NEXUSCTL_CTL_H

#include <stdio.h>
#include <cjson/cJSON.h>
#include <protobuf-c/protobuf-c.h>

#include "common/hub.h"
#include "common/status.h"
#include "nexusctl/args.h"
#include "proto/auth.pb-c.h"
#include "proto/history.pb-c.h"
#include "proto/mail.pb-c.h"
#include "proto/net.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"
#include "proto/switch.pb-c.h"

struct event_base;
struct nx_wire;

struct ctl {
	const struct ctl_args *args;
	struct event_base *base;
	struct nx_hub *hub;
	struct nx_wire *wire;
	uint64_t as_user; /* 0: for all */
	bool json, quiet;
	bool lost;           /* nexusd went away */
	char why[CTL_ERROR]; /* in its own words; empty: without any */
	char error[CTL_ERROR];
};

/* An answer, owned. Zero it first. */
struct ctl_reply {
	ProtobufCMessage *body;
	int fds[NX_METHOD_FDS];
	size_t n_fds;
};
void ctl_reply_fini(struct ctl_reply *reply);
#define ctl_cleanup_reply nx_cleanup(ctl_reply_fini)

/* Connects to nexusd, wanting edges to @roles only, and resolves --user.
 * Status OK, else the sentence is in c->error. */
Nx__Status ctl_open(struct ctl *c, uint32_t roles);
void ctl_close(struct ctl *c);

/* Waits until there is an edge to @role: true, or false after a while. */
bool ctl_wait_peer(struct ctl *c, enum nx_role role);

#define CTL_QUICK_US   (30ULL * 1000000)
#define CTL_PATIENT_US (600ULL * 1000000)
#define CTL_FOREVER_US (365ULL * 86400 * 1000000)

/* Calls @method where it is served and waits. @fds are borrowed. With anything
 * but OK the sentence is in c->error and *ret_reply is untouched. */
Nx__Status ctl_call(struct ctl *c, struct nx_ask ask, const int *fds,
    size_t n_fds, uint64_t timeout_us, struct ctl_reply *ret_reply);
/* The same for most: quick, no descriptors; prints c->error. Exit code. */
int ctl_ask(struct ctl *c, struct nx_ask ask, struct ctl_reply *ret_reply);

/* Keeps the sentence of a reply that is not OK in c->error, as it stands behind
 * our name; returns its status. What nexusctl says itself is written so. */
Nx__Status ctl_refused(struct ctl *c, const struct nx_reply *reply);
/* Prints c->error, or the sentence given, to stderr. Returns the exit code. */
int ctl_fail(struct ctl *c, Nx__Status status);
int ctl_failf(struct ctl *c, Nx__Status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Shorthands for the commands. Text is never NULL ("" where absent), and cast
 * to the char * that generated messages want. */
char *ctl_text(struct ctl *c, const char *label);
char *ctl_option_text(struct ctl *c, const char *name);
uint64_t ctl_option_number(struct ctl *c, const char *name);
bool ctl_flag(struct ctl *c, const char *name);

/* --- showing ---------------------------------------------------------------*/

enum ctl_format {
	CTL_TEXT,  /* strings as they are, "-" when empty; numbers */
	CTL_SHORT, /* the first 8 characters */
	CTL_SIZE,  /* bytes for people */
	CTL_TIME,  /* unix seconds, local time */
	CTL_YES,   /* yes or no */
	CTL_LASTS, /* seconds, as a person says how long; "-" when 0 */
	CTL_ROLE,  /* a role's name */
	CTL_KIND,  /* of a tree entry: folder or file */
};

struct ctl_column {
	const char *title, *field;
	enum ctl_format format;
};

/* One field of a message, by its name: as its column shows it; text, "" when it
 * has none; or a number, which yes is, too. */
#define CTL_CELL 128
void ctl_field_cell(const ProtobufCMessage *m, const struct ctl_column *column,
    char cell[CTL_CELL]);
bool ctl_field_is_text(const ProtobufCMessage *m, const char *field);
const char *ctl_field_text(const ProtobufCMessage *m, const char *field);
uint64_t ctl_field_number(const ProtobufCMessage *m, const char *field);

/* How a method's pages are listed: the request's `after` is the reply's `next`
 * until that is empty; the rows are in the repeated field @rows. */
struct ctl_listing {
	Nx__Method method;
	const char *rows;
	const char *id; /* what --quiet prints of each row */
	const struct ctl_column *columns;
	size_t n_columns;
};

/* Fetches all pages and prints them. Exit code. */
int
ctl_list(struct ctl *c, const struct ctl_listing *l, ProtobufCMessage *request);
/* The same, sorted by name (as they come), size or time (modified_at). */
int ctl_list_sorted(struct ctl *c, const struct ctl_listing *l,
    ProtobufCMessage *request, const char *sort, bool reverse);
/* The same into a JSON array, for those that put it together otherwise. */
Nx__Status ctl_list_json(struct ctl *c, const struct ctl_listing *l,
    ProtobufCMessage *request, cJSON **ret_array);
/* Rows that are at hand: a table of @n messages. */
void ctl_table(const ProtobufCMessage *const *rows, size_t n,
    const struct ctl_column *columns, size_t n_columns);
/* One message, a line per column; or JSON; or with --quiet the field @id. */
int ctl_show(struct ctl *c, const ProtobufCMessage *m,
    const struct ctl_column *columns, size_t n_columns, const char *id);
/* For a command that has done something: JSON, or the id, or a sentence. */
int ctl_done(struct ctl *c, const ProtobufCMessage *m, const char *id,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
cJSON *ctl_json(const ProtobufCMessage *m);
/* Seconds since 1970 as people here read them; "-" for 0. */
#define CTL_TIME_SIZE 32
void ctl_time_format(uint64_t seconds, char text[CTL_TIME_SIZE]);
/* Prints the whole of a memfd: byte for byte into a file or a pipe, or if @raw;
 * on a terminal what it would obey is spelled out. Exit code. */
int ctl_print_memfd(struct ctl *c, int fd, FILE *out, bool raw);
/* Prints @json and frees it. Returns 0. */
int ctl_print_json(cJSON *json);
/* The same in one line. */
int ctl_print_json_line(cJSON *json);

extern const struct ctl_listing ctl_list_nodes, ctl_list_files,
    ctl_list_damaged, ctl_list_fs, ctl_list_found, ctl_list_users,
    ctl_list_volumes;

/* --- the commands -----------------------------------------------------------*/

int ctl_node_create(struct ctl *c);
int ctl_node_ls(struct ctl *c);
int ctl_node_inspect(struct ctl *c);
int ctl_node_start(struct ctl *c);
int ctl_node_stop(struct ctl *c);
int ctl_node_delete(struct ctl *c);
int ctl_node_stats(struct ctl *c);
int ctl_node_logs(struct ctl *c);
int ctl_node_exec(struct ctl *c);
int ctl_file_upload(struct ctl *c);
int ctl_file_ls(struct ctl *c);
int ctl_file_info(struct ctl *c);
int ctl_file_download(struct ctl *c);
int ctl_file_delete(struct ctl *c);
int ctl_fs_mkdir(struct ctl *c);
int ctl_fs_ls(struct ctl *c);
int ctl_fs_stat(struct ctl *c);
int ctl_fs_rm(struct ctl *c);
int ctl_fs_lock(struct ctl *c);
int ctl_fs_locks(struct ctl *c);
int ctl_fs_mv(struct ctl *c);
int ctl_fs_policy(struct ctl *c);
int ctl_fs_cp(struct ctl *c);
int ctl_fs_find(struct ctl *c);
int ctl_fs_events(struct ctl *c);
int ctl_fs_put(struct ctl *c);
int ctl_fs_get(struct ctl *c);
int ctl_fs_versions(struct ctl *c);
int ctl_list_deleted(struct ctl *c);
int ctl_list_snapshot(struct ctl *c);
int ctl_snapshot_create(struct ctl *c);
int ctl_snapshot_ls(struct ctl *c);
int ctl_snapshot_rm(struct ctl *c);
int ctl_fs_restore(struct ctl *c);
int ctl_fs_purge(struct ctl *c);
int ctl_fs_history(struct ctl *c);
int ctl_bucket_make(struct ctl *c);
int ctl_bucket_ls(struct ctl *c);
int ctl_bucket_info(struct ctl *c);
int ctl_bucket_set(struct ctl *c);
int ctl_bucket_rm(struct ctl *c);
int ctl_object_ls(struct ctl *c);
int ctl_object_put(struct ctl *c);
int ctl_object_get(struct ctl *c);
int ctl_object_stat(struct ctl *c);
int ctl_object_rm(struct ctl *c);
int ctl_object_cp(struct ctl *c);
int ctl_object_lock(struct ctl *c);
int ctl_upload_ls(struct ctl *c);
int ctl_upload_drop(struct ctl *c);
int ctl_lambda_run(struct ctl *c);
int ctl_audit(struct ctl *c);
int ctl_key_ls(struct ctl *c);
int ctl_key_make(struct ctl *c);
int ctl_key_revoke(struct ctl *c);
int ctl_user_create(struct ctl *c);
int ctl_user_logout(struct ctl *c);
int ctl_user_sessions(struct ctl *c);
int ctl_user_ls(struct ctl *c);
int ctl_user_info(struct ctl *c);
int ctl_user_disable(struct ctl *c);
int ctl_user_enable(struct ctl *c);
int ctl_user_delete(struct ctl *c);
int ctl_user_quota(struct ctl *c);
int ctl_auth_rotate_keys(struct ctl *c);
int ctl_auth_signing_keys(struct ctl *c);
int ctl_mail_test(struct ctl *c);
int ctl_mail_queue(struct ctl *c);
int ctl_volume_ls(struct ctl *c);
int ctl_volume_trust(struct ctl *c);
int ctl_volume_drain(struct ctl *c);
int ctl_volume_fail(struct ctl *c);
int ctl_volume_disks(struct ctl *c);
int ctl_volume_add_disk(struct ctl *c);
int ctl_volume_remove_disk(struct ctl *c);
int ctl_storage_scrub(struct ctl *c);
int ctl_storage_check(struct ctl *c);
int ctl_storage_rebuild(struct ctl *c);
int ctl_status(struct ctl *c);
int ctl_doctor(struct ctl *c);
int ctl_state_export(struct ctl *c);
int ctl_version(struct ctl *c);

#endif
