/* The platform itself: volumes, care of what is stored, how everything is. */
#include "common/err.h"
#include "common/node_limits.h"
#include "nexusctl/ctl.h"

#define AUTH    NX_ROLE_BIT(NX_ROLE_AUTH)
#define NODE    NX_ROLE_BIT(NX_ROLE_NODE)
#define STORAGE NX_ROLE_BIT(NX_ROLE_STORAGE)
#define NET     NX_ROLE_BIT(NX_ROLE_NET)
#define MAIL    NX_ROLE_BIT(NX_ROLE_MAIL)
#define OPT(o)  o, NX_ARRAY_SIZE(o)
#define NO_OPT  NULL, 0

static const struct ctl_option check_options[] = {
    {"repair", 0, NULL, NULL, "mend what can be mended"},
    {"wait", 0, NULL, NULL, "until all of it was looked at"},
};
static const struct ctl_option rebuild_options[] = {
    {"partial", 0, NULL, NULL, "though commits are missing"},
};
static const struct ctl_option scrub_options[] = {
    {"wait", 0, NULL, NULL, "until everything is read, and repaired"},
};
static const struct ctl_option status_options[] = {
    {"all", 'a', NULL, NULL, "who is connected, and all that each says"},
    {"edges", 0, NULL, NULL, "also who has been introduced to whom"},
};

static const struct ctl_command rows[] = {
    {"volume ls", "list the nodes' volumes and the platform's own", NULL,
	NO_OPT, STORAGE, ctl_volume_ls},
    {"volume trust <volume>", "check a suspect volume and trust it again",
	"A volume whose disk failed a write takes no new chunks. This writes a "
	"chunk there, reads it back, and reads a sample of what is there; when "
	"all is well the volume is trusted again. It is done by itself too, a "
	"minute after, then less and less often. VOLUME is a node, or base-1.",
	NO_OPT, NODE | STORAGE, ctl_volume_trust},
    {"volume drain <volume>", "move what is on a volume elsewhere",
	"Nothing new goes there, and what is there is copied elsewhere, read "
	"back, and given up here, over restarts too; volume ls shows the rate "
	"and the time left. A base volume goes when it is empty, a node's "
	"stays the node's. volume trust takes it back.",
	NO_OPT, NODE | STORAGE, ctl_volume_drain},
    {"volume fail <volume>", "move what is on a bad volume elsewhere",
	"As volume drain, for one that is not to be relied on: it is read only "
	"where nothing else has a chunk, and it is not refused for want of "
	"room elsewhere.",
	NO_OPT, NODE | STORAGE, ctl_volume_fail},
    {"volume disks", "list the disks volumes are on", NULL, NO_OPT, STORAGE,
	ctl_volume_disks},
    {"volume add-disk <directory:PATH>", "give the platform a disk",
	"The directory is empty, on a file system of its own, and may be "
	"written by nexus-storage. It is remembered over restarts. Copies of a "
	"file go to different disks. For a disk that is being removed: it "
	"stays after all.",
	NO_OPT, STORAGE, ctl_volume_add_disk},
    {"volume remove-disk <directory:PATH>", "empty a disk, and forget it",
	"What is there moves to the other disks first, over restarts too; "
	"volume disks shows the rate and the time left. Refused while there is "
	"no room elsewhere, and while a node has its volume there.",
	NO_OPT, STORAGE, ctl_volume_remove_disk},

    {"storage scrub", "read everything that is kept, from now on",
	"All replicas are read in the background, at a pace others do not "
	"feel, and what is bad is repaired from what is good; nexusctl status "
	"shows how it goes. This begins a cycle now. With --wait it exits with "
	"9 when files are left that are good in no copy.",
	OPT(scrub_options), STORAGE, ctl_storage_scrub},

    {"storage check", "look whether the catalogue agrees with itself",
	"Counts every sum anew and follows every reference, in a copy, in the "
	"background, as storaged does once a day by itself; nexusctl status "
	"shows what came of it. With --repair what can be mended is mended, "
	"and the log has each change. With --wait it exits with 9 when "
	"something is left that disagrees.",
	OPT(check_options), STORAGE, ctl_storage_check},

    {"storage rebuild", "make a lost catalogue anew from the volumes",
	"When storage.db is missing, damaged or older than its copies, "
	"storaged serves nothing else. This makes it anew from the newest "
	"copies on base volumes, looks at all of it, moves the damaged one "
	"aside and lets storaged be started again. Where commits, or a disk "
	"that should be there, are missing it refuses, unless --partial says "
	"to go on without them.",
	OPT(rebuild_options), STORAGE, ctl_storage_rebuild},

    {"state export", "print nodes, files and trees as JSON", NULL, NO_OPT,
	AUTH | NODE | STORAGE, ctl_state_export},

    {"status", "show how everything is, and what wants looking at",
	"Exits with 8 when a daemon is missing.", OPT(status_options),
	AUTH | NODE | STORAGE | NET | MAIL, ctl_status},
    {"doctor", "check this host, with a cure for each finding",
	"Talks to no daemon. Run it as root: some checks try the real thing. "
	"Exits with 10 when something is missing that Nexus cannot do without.",
	NO_OPT, 0, ctl_doctor},
    {"version", "print the version", NULL, NO_OPT, 0, ctl_version},
};
const struct ctl_command_set ctl_system_commands = {rows, NX_ARRAY_SIZE(rows)};
