/* Lists come in pages with a cursor; here they become one. */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/ctl.h"

static const struct ctl_column node_columns[] = {
    {"ID", "id", CTL_SHORT},
    {"NAME", "name", CTL_TEXT},
    {"STATUS", "status", CTL_TEXT},
    {"ADDRESS", "ip", CTL_TEXT},
    {"MEMORY", "memory", CTL_SIZE},
    {"CPU", "cpu_weight", CTL_TEXT},
    {"PIDS", "pids_max", CTL_TEXT},
    {"STORAGE", "storage", CTL_SIZE},
    {"IMAGE", "image", CTL_TEXT},
    {"OWNER", "owner", CTL_TEXT},
};
const struct ctl_listing ctl_list_nodes = {NX__METHOD__NODE_LIST, "nodes", "id",
    node_columns, NX_ARRAY_SIZE(node_columns)};

static const struct ctl_column file_columns[] = {
    {"ID", "id", CTL_SHORT},
    {"NAME", "name", CTL_TEXT},
    {"SIZE", "size", CTL_SIZE},
    {"CHUNKS", "chunks", CTL_TEXT},
    {"COPIES ON", "spread", CTL_TEXT},
    {"CONDITION", "condition", CTL_TEXT},
};
const struct ctl_listing ctl_list_files = {NX__METHOD__FILE_LIST, "files", "id",
    file_columns, NX_ARRAY_SIZE(file_columns)};

static const struct ctl_column damaged_columns[] = {
    {"ID", "id", CTL_SHORT},
    {"OWNER", "owner", CTL_TEXT},
    {"SIZE", "size", CTL_SIZE},
    {"CONDITION", "condition", CTL_TEXT},
    {"PLACE", "place", CTL_TEXT},
};
const struct ctl_listing ctl_list_damaged = {NX__METHOD__FILE_LIST, "files",
    "id", damaged_columns, NX_ARRAY_SIZE(damaged_columns)};

static const struct ctl_column fs_columns[] = {
    {"TYPE", "folder", CTL_KIND},
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"NAME", "name", CTL_TEXT},
};
const struct ctl_listing ctl_list_fs = {NX__METHOD__FS_LIST, "entries", "name",
    fs_columns, NX_ARRAY_SIZE(fs_columns)};

static const struct ctl_column found_columns[] = {
    {"TYPE", "folder", CTL_KIND},
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"PATH", "path", CTL_TEXT},
};
const struct ctl_listing ctl_list_found = {NX__METHOD__FS_FIND, "found", "path",
    found_columns, NX_ARRAY_SIZE(found_columns)};

static const struct ctl_column user_columns[] = {
    {"ID", "id", CTL_TEXT},
    {"NAME", "username", CTL_TEXT},
    {"MAIL", "email", CTL_TEXT},
    {"DISABLED", "disabled", CTL_YES},
    {"SINCE", "created_at", CTL_TIME},
};
const struct ctl_listing ctl_list_users = {NX__METHOD__AUTH_USER_LIST, "users",
    "username", user_columns, NX_ARRAY_SIZE(user_columns)};

static const struct ctl_column volume_columns[] = {
    {"NODE", "node", CTL_SHORT},
    {"SIZE", "size", CTL_SIZE},
    {"FREE", "free", CTL_SIZE},
    {"NODE'S", "own", CTL_SIZE},
    {"CHUNKS", "chunks", CTL_TEXT},
    {"STATE", "state", CTL_TEXT},
    {"ENCRYPTED", "encrypted", CTL_YES},
    {"CODED", "coded", CTL_TEXT},
    {"LOOP", "loop", CTL_TEXT},
    {"A SECOND", "rate", CTL_SIZE},
    {"LEFT", "left_s", CTL_LASTS},
    {"DISK", "disk", CTL_TEXT},
};
const struct ctl_listing ctl_list_volumes = {NX__METHOD__VOLUME_LIST, "volumes",
    "node", volume_columns, NX_ARRAY_SIZE(volume_columns)};

/* Pages are kept as they came; rows point into them. */
struct pages {
	struct ctl_reply *replies;
	size_t n_replies;
	const ProtobufCMessage **rows;
	size_t n_rows;
};

static void
pages_fini(struct pages *p)
{
	size_t i;

	for (i = 0; i < p->n_replies; i++)
		ctl_reply_fini(&p->replies[i]);
	free(p->replies);
	free(p->rows);
}

static void *
field(ProtobufCMessage *m, const char *name,
    const ProtobufCFieldDescriptor **ret_f)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		m->descriptor, name);

	nx_assert(f);
	*ret_f = f;
	return (char *)m + f->offset;
}

/* Points the request's cursor at the reply's. False at the end. */
static bool
turn_page(ProtobufCMessage *request, ProtobufCMessage *reply)
{
	const ProtobufCFieldDescriptor *from, *to;
	void *next = field(reply, "next", &from);
	void *after = field(request, "after", &to);

	nx_assert(from->type == to->type);
	if (to->type == PROTOBUF_C_TYPE_STRING) {
		*(char **)after = *(char **)next; /* the page is kept */
		return **(char **)next != '\0';
	}
	*(uint64_t *)after = *(uint64_t *)next;
	return *(uint64_t *)next != 0;
}

static bool
keep_page(struct pages *p, const char *rows, const struct ctl_reply *reply)
{
	const ProtobufCFieldDescriptor *f;
	const void *at = field(reply->body, rows, &f);
	size_t n = *(size_t *)((char *)reply->body + f->quantifier_offset);
	const ProtobufCMessage **more_rows;
	struct ctl_reply *more;

	more = reallocarray(p->replies, p->n_replies + 1, sizeof(*more));
	if (!more)
		return false;
	p->replies = more;
	more_rows = reallocarray(p->rows, p->n_rows + n + 1, sizeof(*p->rows));
	if (!more_rows)
		return false;
	p->rows = more_rows;
	p->replies[p->n_replies++] = *reply;
	memcpy(p->rows + p->n_rows, *(void *const *)at, n * sizeof(*p->rows));
	p->n_rows += n;
	return true;
}

static Nx__Status
fetch(struct ctl *c, const struct ctl_listing *l, ProtobufCMessage *request,
    struct pages *p)
{
	const struct nx_method *m = nx_method_find((uint32_t)l->method);
	struct nx_ask ask = {nx_method_callee(m), l->method, request};
	Nx__Status status;

	for (;;) {
		struct ctl_reply reply = {0};

		status = ctl_call(c, ask, NULL, 0, CTL_QUICK_US, &reply);
		if (status != NX__STATUS__OK)
			return status;
		if (!keep_page(p, l->rows, &reply)) {
			ctl_reply_fini(&reply);
			snprintf(c->error, sizeof(c->error), "out of memory");
			return NX__STATUS__INTERNAL;
		}
		if (!turn_page(request, reply.body))
			return NX__STATUS__OK;
	}
}

static cJSON *
pages_json(const struct pages *p)
{
	cJSON *array = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < p->n_rows; i++)
		cJSON_AddItemToArray(array, ctl_json(p->rows[i]));
	return array;
}

Nx__Status
ctl_list_json(struct ctl *c, const struct ctl_listing *l,
    ProtobufCMessage *request, cJSON **ret_array)
{
	nx_cleanup(pages_fini) struct pages p = {0};
	Nx__Status status = fetch(c, l, request, &p);

	if (status == NX__STATUS__OK)
		*ret_array = pages_json(&p);
	return status;
}

/* The field of a row that decides; rows are all of one kind. */
static int
by_field(const void *a, const void *b, void *arg)
{
	const ProtobufCMessage *const *x = a, *const *y = b;
	const ProtobufCFieldDescriptor *f = arg;
	const uint64_t *m = (const void *)((const char *)*x + f->offset);
	const uint64_t *n = (const void *)((const char *)*y + f->offset);

	return (*m > *n) - (*m < *n);
}

/* False: there is no such order. They came by name. */
static bool
sort_rows(struct pages *p, const char *sort, bool reverse)
{
	const ProtobufCFieldDescriptor *f;
	const char *name = strcmp(sort, "time") == 0 ? "modified_at" : sort;

	if (strcmp(sort, "name") != 0 && strcmp(name, "size") != 0 &&
	    name == sort)
		return false;
	if (strcmp(sort, "name") != 0 && p->n_rows > 0) {
		f = protobuf_c_message_descriptor_get_field_by_name(
		    p->rows[0]->descriptor, name);
		nx_assert(f && f->type == PROTOBUF_C_TYPE_UINT64);
		qsort_r(p->rows, p->n_rows, sizeof(*p->rows), by_field,
		    (void *)(uintptr_t)f);
	}
	for (size_t i = 0; reverse && i < p->n_rows / 2; i++) {
		const ProtobufCMessage *row = p->rows[i];

		p->rows[i] = p->rows[p->n_rows - 1 - i];
		p->rows[p->n_rows - 1 - i] = row;
	}
	return true;
}

int
ctl_list(struct ctl *c, const struct ctl_listing *l, ProtobufCMessage *request)
{
	return ctl_list_sorted(c, l, request, "name", false);
}

int
ctl_list_sorted(struct ctl *c, const struct ctl_listing *l,
    ProtobufCMessage *request, const char *sort, bool reverse)
{
	nx_cleanup(pages_fini) struct pages p = {0};
	Nx__Status status = fetch(c, l, request, &p);
	size_t i;

	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	if (!sort_rows(&p, sort, reverse))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "a list is sorted by name, size or time");
	if (c->json)
		return ctl_print_json(pages_json(&p));
	if (!c->quiet) {
		ctl_table(p.rows, p.n_rows, l->columns, l->n_columns);
		return 0;
	}
	for (i = 0; i < p.n_rows; i++)
		ctl_show(c, p.rows[i], NULL, 0, l->id);
	return 0;
}
