/*
 * The plans: what is done with a node, in which order, and what is taken back
 * when it fails. This is the whole of it; op.h says how a table is read.
 */
#include "common/err.h"
#include "nodemgr/nodes/steps.h"

/* What creating and starting share begins with `attach`. The box comes before
 * the network: netd needs a namespace to put the link into. The row says that
 * the node runs before anybody hears it does; storaged last, which keeps files
 * on the volumes of nodes that run. */
static const struct op_step make_steps[] = {
    {"row", row_make, row_unmake},
    {"volume", volume_make, volume_unmake},
    {"attach", attach, unattach},
    {"box", box, empty},
    {"network", network, unnetwork},
    {"exec", go, NULL},
    {"run", run, unrun},
    {"active", active, NULL},
};
#define START 2

/* What stopping and ending share begins with `note`. The row comes last: a crash
 * before finds a node that runs, and no process, and ends it once more. */
static const struct op_step stop_steps[] = {
    {"mark", mark, NULL},
    {"term", term, NULL},
    {"note", note, NULL},
    {"empty", empty, NULL},
    {"inactive", inactive, NULL},
    {"detach", detach, NULL},
    {"row", row_ended, NULL},
};
#define END 2

/* Refused, if at all, while the node still runs. From `kill` on the row says that
 * it goes; the row itself goes when nothing else is left. */
static const struct op_step delete_steps[] = {
    {"drain", drain, NULL},
    {"kill", kill_all, NULL},
    {"note", note, NULL},
    {"empty", empty, NULL},
    {"inactive", inactive, NULL},
    {"detach", detach, NULL},
    {"deleting", deleting, NULL},
    {"volume", volume_delete, NULL},
    {"unlink", unlink_net, NULL},
    {"row", op_unsave, NULL},
};

static const struct op_step relink_steps[] = {
    {"netlink", netlink, NULL},
    {"relink", relink, NULL},
};

static const struct op_plan create = {
    .name = "create",
    .steps = make_steps,
    .n_steps = NX_ARRAY_SIZE(make_steps),
    .no_return = NX_ARRAY_SIZE(make_steps) - 1,
};
static const struct op_plan start = {
    .name = "start",
    .steps = make_steps + START,
    .n_steps = NX_ARRAY_SIZE(make_steps) - START,
    .no_return = NX_ARRAY_SIZE(make_steps) - START - 1,
    .noted = true,
    .wanted = start_wanted,
};
static const struct op_plan stop = {
    .name = "stop",
    .steps = stop_steps,
    .n_steps = NX_ARRAY_SIZE(stop_steps),
    .no_return = 1, /* a mark that cannot be written refuses the stop */
    .resumes = true,
    .meant = true,
    .wanted = stop_wanted,
};
static const struct op_plan end = {
    .name = "end",
    .steps = stop_steps + END,
    .n_steps = NX_ARRAY_SIZE(stop_steps) - END,
    .resumes = true,
    .wanted = end_wanted,
};
static const struct op_plan delete = {
    .name = "delete",
    .steps = delete_steps,
    .n_steps = NX_ARRAY_SIZE(delete_steps),
    .no_return = 1,
    .resumes = true,
    .meant = true,
    .wanted = delete_wanted,
    .answer = delete_answer,
};
static const struct op_plan again = {
    .name = "relink",
    .steps = relink_steps,
    .n_steps = NX_ARRAY_SIZE(relink_steps),
    .no_return = NX_ARRAY_SIZE(relink_steps), /* it may fail */
    .wanted = relink_wanted,
};

const struct op_plan *op_plans[OP_KINDS] = {
    [OP_CREATE] = &create,
    [OP_START] = &start,
    [OP_STOP] = &stop,
    [OP_END] = &end,
    [OP_DELETE] = &delete,
    [OP_RELINK] = &again,
};
