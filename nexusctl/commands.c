/*
 * What people use Nexus for: nodes, files, buckets, functions. With the other
 * commands_*.c every command once; parsing, checks and help come from them.
 */
#include "common/err.h"
#include "common/node_limits.h"
#include "nexusctl/ctl.h"

#define NODE    NX_ROLE_BIT(NX_ROLE_NODE)
#define STORAGE NX_ROLE_BIT(NX_ROLE_STORAGE)
#define OPT(o)  o, NX_ARRAY_SIZE(o)
#define NO_OPT  NULL, 0

const struct ctl_option ctl_globals[] = {
    {"user", 0, "<user>", NULL, "act for this user, not for the platform"},
    {"output", 'o', "<format>", "table", "table for people, json for programs"},
    {"quiet", 'q', NULL, NULL, "print ids only, and no progress"},
    {"socket", 0, "<local:SOCKET>", NULL,
	"nexusd's socket ($NEXUS_SOCK, /run/nexus/nexus.sock)"},
    {"help", 'h', NULL, NULL, "say more about the command"},
    {"version", 'V', NULL, NULL, "print the version"},
};
const size_t ctl_globals_count = NX_ARRAY_SIZE(ctl_globals);

static const struct ctl_option create_options[] = {
    {"mem", 0, "<mb:MB>", NX_NODE_TEXT(NX_NODE_MEMORY_MIB), "memory it gets"},
    {"cpu", 0, "<weight>", NX_NODE_TEXT(NX_NODE_CPU_STANDARD),
	"its share when processors are short"},
    {"storage", 0, "<size>", NULL,
	"what it can keep, at least " NX_NODE_TEXT(
	    NX_NODE_STORAGE_MIB) "M; as "
				 "much again goes to files of all"},
    {"image", 0, "<name:IMAGE>", NULL, "root file system (host)"},
    {"pids", 0, "<number>", NX_NODE_TEXT(NX_NODE_PIDS_STANDARD),
	"processes it may have"},
};
static const struct ctl_option stop_options[] = {
    {"all", 0, NULL, NULL, "every node"},
    {"keep", 0, NULL, NULL, "it starts again when the platform does"},
    {"timeout", 0, "<seconds>", "5", "time between asking and killing"},
};
static const struct ctl_option delete_options[] = {
    {"force", 0, NULL, NULL,
	"even if it runs; files of yours that a refusal named are lost"},
    {"lose-files", 0, NULL, NULL,
	"for an admin: lose anybody's files that have no room elsewhere"},
};
static const struct ctl_option logs_options[] = {
    {"tail", 0, "<number:BYTES>", NULL, "only so much from the end"},
    {"raw", 0, NULL, NULL, "byte for byte, on a terminal too"},
};
static const struct ctl_option exec_options[] = {
    {"interactive", 'i', NULL, NULL,
	"pass standard input; without -t no terminal is made"},
    {"tty", 't', NULL, NULL, "make it a terminal in any case"},
    {"cwd", 0, "<path:DIR>", NULL, "directory to run it in"},
};
static const struct ctl_option upload_options[] = {
    {"name", 0, "<word:NAME>", NULL, "its name (that of the local file)"},
    {"replicas", 0, "<number>", "0", "copies of each chunk; 0: the default"},
    {"erasure", 0, "<word:K+M>", NULL,
	"parity instead, as in 2+1: any M parts of K+M may be lost"},
    {"resume", 0, NULL, NULL,
	"keep what was sent when it breaks off, and go on from there"},
    {"sha256", 0, NULL, NULL,
	"compute its SHA-256 on the way, and keep it with the file"},
};
static const struct ctl_option files_options[] = {
    {"damaged", 0, NULL, NULL,
	"only those, in folders too, not whole any more"},
};
static const struct ctl_option put_options[] = {
    {"new", 0, NULL, NULL, "refuse to replace what is there"},
    {"replicas", 0, "<number>", "0", "copies of each chunk; 0: the default"},
    {"erasure", 0, "<word:K+M>", NULL,
	"parity instead, as in 2+1: any M parts of K+M may be lost"},
    {"resume", 0, NULL, NULL,
	"keep what was sent when it breaks off, and go on from there"},
    {"sha256", 0, NULL, NULL,
	"compute its SHA-256 on the way, and keep it with the file"},
};
static const struct ctl_option mkdir_options[] = {
    {"parents", 'p', NULL, NULL,
	"make what is missing above it; fine if it is there"},
};
static const struct ctl_option mv_options[] = {
    {"replace", 0, NULL, NULL, "replace a file that is there"},
};
static const struct ctl_option ls_options[] = {
    {"sort", 0, "<word:ORDER>", "name", "by name, size or time"},
    {"reverse", 0, NULL, NULL, "the other way round"},
    {"deleted", 0, NULL, NULL, "what was deleted here, and can be restored"},
    {"snapshot", 0, "<word:SNAPSHOT>", NULL, "what was here in that"},
};
static const struct ctl_option fs_version_options[] = {
    {"version", 0, "<version>", "0", "not what is there now"},
    {"snapshot", 0, "<word:SNAPSHOT>", NULL, "what was there in that"},
};
static const struct ctl_option restore_options[] = {
    {"version", 0, "<version>", "0", "not the newest"},
    {"to", 0, "<path>", NULL, "to another path"},
    {"replace", 0, NULL, NULL, "what is there becomes a version itself"},
};
static const struct ctl_option purge_options[] = {
    {"version", 0, "<version>", "0", "only that one"},
};
static const struct ctl_option history_options[] = {
    {"keep", 0, "<word:TIME>", NULL, "such as 30d or 12h; off; inherit"},
};
static const struct ctl_option rm_options[] = {
    {"forever", 0, NULL, NULL, "with its versions, never to be restored"},
    {"recursive", 'r', NULL, NULL, "a folder goes with all below it anyway"},
    {"force", 'f', NULL, NULL, "fine if nothing is there"},
};
static const struct ctl_option find_options[] = {
    {"name", 0, "<word:PATTERN>", NULL, "of the name"},
    {"match", 0, "<word:PATTERN>", NULL, "of the path below the folder"},
    {"files", 0, NULL, NULL, "no folders"},
    {"folders", 0, NULL, NULL, "no files"},
    {"min-size", 0, "<size>", NULL, "at least so large"},
    {"max-size", 0, "<size>", NULL, "at most so large"},
    {"since", 0, "<moment:TIME>", NULL,
	"changed at that time (2030-12-31, -7d) or later"},
    {"until", 0, "<moment:TIME>", NULL, "or before that"},
};
static const struct ctl_option cp_options[] = {
    {"snapshot", 0, "<word:SNAPSHOT>", NULL, "what was at FROM in that"},
    {"recursive", 'r', NULL, NULL, "a folder, with all that is below it"},
    {"replace", 0, NULL, NULL, "replace a file that is there"},
};
static const struct ctl_option events_options[] = {
    {"since", 0, "<word:CURSOR>", NULL,
	"what came after it; now: nothing that was before"},
    {"follow", 0, NULL, NULL, "wait for what comes"},
};
static const struct ctl_option fs_lock_options[] = {
    {"until", 0, "<moment:TIME>", "0", "such as 2030-12-31 or +90d"},
};
static const struct ctl_option bucket_make_options[] = {
    {"versions", 0, NULL, NULL, "keep versions from the beginning"},
    {"locks", 0, NULL, NULL, "let versions be locked; they are kept then"},
};
static const struct ctl_option bucket_set_options[] = {
    {"versions", 0, "<word:WHETHER>", NULL, "on or suspended"},
    {"lock", 0, "<word:MODE>", NULL,
	"lock what comes: governance, compliance or off"},
    {"days", 0, "<number>", "0", "for so long"},
};
static const struct ctl_option object_ls_options[] = {
    {"delimiter", 0, "<word:TEXT>", NULL,
	"show what is before it once for all keys"},
    {"versions", 0, NULL, NULL, "all versions, what is deleted too"},
};
static const struct ctl_option object_put_options[] = {
    {"new", 0, NULL, NULL, "refuse to replace what is there"},
    {"type", 0, "<word:TYPE>", NULL, "its content type"},
    {"part", 0, "<size>", NULL, "send it in parts of this size"},
    {"replicas", 0, "<number>", "0", "copies of each chunk; 0: the default"},
    {"erasure", 0, "<word:K+M>", NULL,
	"parity instead, as in 2+1: any M parts of K+M may be lost"},
    {"sha256", 0, NULL, NULL,
	"compute its SHA-256 on the way, and keep it with the object"},
};
static const struct ctl_option object_version_options[] = {
    {"version", 0, "<word:VERSION>", NULL, "not the current one"},
};
static const struct ctl_option object_rm_options[] = {
    {"version", 0, "<word:VERSION>", NULL, "this version, for good"},
    {"bypass", 0, NULL, NULL, "though a governance lock is on it"},
};
static const struct ctl_option object_lock_options[] = {
    {"version", 0, "<word:VERSION>", NULL, "not the current one"},
    {"mode", 0, "<word:MODE>", NULL, "governance, compliance or off"},
    {"until", 0, "<moment:TIME>", "0", "such as 2030-12-31 or +90d"},
    {"hold", 0, "<word:WHETHER>", NULL, "a legal hold: on or off"},
    {"bypass", 0, NULL, NULL, "though a governance lock is on it"},
};
static const struct ctl_option run_options[] = {
    {"runtime", 0, "<word:RUNTIME>", "python3", "what runs the code"},
    {"timeout", 0, "<seconds>", "10", "after that it is killed"},
    {"mem", 0, "<mb:MB>", "128", "memory it gets"},
};

static const struct ctl_command rows[] = {
    {"node create <name> [command...]", "make a node and start it",
	"A node is a container with a volume of its own, an address on the "
	"bridge, and limits. Its main process is COMMAND; without one it "
	"idles and can be entered with nexusctl node exec. Running nodes are "
	"also where files are kept.\n\n"
	"    nexusctl node create web --mem 256 --storage 1G\n"
	"    nexusctl node create echo --storage 500M -- "
	"/usr/bin/python3 -m http.server",
	OPT(create_options), NODE, ctl_node_create},
    {"node ls", "list nodes", NULL, NO_OPT, NODE, ctl_node_ls},
    {"node inspect <node>", "show everything about a node", NULL, NO_OPT, NODE,
	ctl_node_inspect},
    {"node start <node>", "start a stopped node", NULL, NO_OPT, NODE,
	ctl_node_start},
    {"node stop [node]", "stop a node, or all",
	"The node's processes are asked to end (SIGTERM) and killed when they "
	"have not after --timeout. Its volume and address stay its own.",
	OPT(stop_options), NODE, ctl_node_stop},
    {"node delete <node>", "delete a node and its volume",
	"What is kept on this node's volume is moved to other volumes first. "
	"If "
	"there is no room for it the node stays, and it is said which files "
	"would be lost: your own with --force, never another user's, unless an "
	"admin says --lose-files.",
	OPT(delete_options), NODE, ctl_node_delete},
    {"node stats [node]", "show what a node, or every node, uses", NULL, NO_OPT,
	NODE, ctl_node_stats},
    {"node logs <node>", "print what its main process wrote", NULL,
	OPT(logs_options), NODE, ctl_node_logs},
    {"node exec <node> [command...]", "run a command in a node",
	"Called from a terminal, the command gets one of the node's own: what "
	"you type goes there, Ctrl-C included. Else its standard input, output "
	"and error are pipes. -i, -t and -it choose, as with docker exec. Its "
	"exit status becomes that of nexusctl, 128 and the signal if one "
	"killed it. Everything it leaves behind is killed when it ends, and "
	"all of it when nexusctl goes.\n\n"
	"    nexusctl node exec web -- ls -l /\n"
	"    nexusctl node exec web -- sh",
	OPT(exec_options), NODE, ctl_node_exec},

    {"file upload <local>", "store a file",
	"The file is cut into chunks of 10 MiB that are kept on the running "
	"nodes' volumes. - reads standard input (with --name).",
	OPT(upload_options), STORAGE, ctl_file_upload},
    {"file ls", "list files",
	"CONDITION is good, degraded (fewer copies than wanted), damaged (a "
	"part is good in no copy) or missing (no copy of a part is left), as "
	"far as reading and repairing have found.",
	OPT(files_options), STORAGE, ctl_file_ls},
    {"file info <file>", "show everything about a file", NULL, NO_OPT, STORAGE,
	ctl_file_info},
    {"file download <file> <local:DEST>", "fetch a file",
	"DEST is a file, a directory, or - for standard output. Every byte "
	"was checked just before; DEST appears when it is whole.",
	NO_OPT, STORAGE, ctl_file_download},
    {"file delete <file>", "delete a file", NULL, NO_OPT, STORAGE,
	ctl_file_delete},

    {"fs mkdir <path>", "make a folder", NULL, OPT(mkdir_options), STORAGE,
	ctl_fs_mkdir},
    {"fs ls [path]", "list a folder", NULL, OPT(ls_options), STORAGE,
	ctl_fs_ls},
    {"fs find [path]", "search a folder and all below it",
	"Patterns are as in a shell: * ? [a-z]; ** is any number of folders. "
	"All that is asked for must hold.\n\n"
	"    nexusctl fs find /docs --name '*.pdf' --min-size 1M\n"
	"    nexusctl fs find / --match '**/old/**' --files",
	OPT(find_options), STORAGE, ctl_fs_find},
    {"fs stat <path>", "show everything about a file or folder", NULL,
	OPT(fs_version_options), STORAGE, ctl_fs_stat},
    {"fs put <local> <path>", "store a file at a path",
	"A PATH that is a folder, or ends in /, takes the local file's name.",
	OPT(put_options), STORAGE, ctl_fs_put},
    {"fs get <path> [local]", "fetch a file by its path",
	"LOCAL is a file, a directory (the present one if left out), or -.",
	OPT(fs_version_options), STORAGE, ctl_fs_get},
    {"fs mv <path:FROM> <path:TO>", "move or rename",
	"In one step: at no moment is it in neither place, or in both.",
	OPT(mv_options), STORAGE, ctl_fs_mv},
    {"fs policy <path> [word:POLICY] [word:NUMBER]",
	"show or set how often what comes into a folder is to be there",
	"POLICY is parity as in 2+1 or 4+2 (parts of data and of parity, each "
	"on a volume of its own, on different disks first), replicas with "
	"their NUMBER, or inherit. The nearest folder above a file that has "
	"one counts; what is there already stays as it is.\n\n"
	"    nexusctl fs policy /films 4+2\n"
	"    nexusctl fs policy /papers replicas 3",
	NO_OPT, STORAGE, ctl_fs_policy},
    {"fs cp <path:FROM> <path:TO>", "copy a file, or a folder",
	"No byte is moved: the copy shares what it was made of, and counts in "
	"full against the quota. A folder's copy appears whole.",
	OPT(cp_options), STORAGE, ctl_fs_cp},
    {"fs rm <path>", "delete a file, or a folder with all that is below it",
	"It can be restored for some days (nexusctl fs history says how long), "
	"if there is room for it so long; it does not count against the quota.",
	OPT(rm_options), STORAGE, ctl_fs_rm},
    {"fs versions <path>", "list what was at a path before",
	"What is there now is not among them. A file that was moved keeps its "
	"versions; one that was deleted is found by the path it had.",
	NO_OPT, STORAGE, ctl_fs_versions},
    {"fs restore <path>", "bring back what was deleted, or a version",
	"The newest of what was at PATH, a folder with all that was below it. "
	"Where something is there already, say --to or --replace. A file or a "
	"folder of a deleted folder is copied out of it.\n\n"
	"    nexusctl fs ls --deleted /docs\n"
	"    nexusctl fs restore /docs/a.txt --version 17 --to /docs/old.txt",
	OPT(restore_options), STORAGE, ctl_fs_restore},
    {"fs purge <path>", "give up versions and what was deleted",
	"What was at PATH; of a folder that is there, of all below it too. "
	"What "
	"is there now stays.",
	OPT(purge_options), STORAGE, ctl_fs_purge},
    {"fs history [path]", "show or set how long a folder's history is kept",
	"It holds for all below PATH, as far as no folder there says something "
	"else. That of / is the user's own.\n\n"
	"    nexusctl fs history /scratch --keep off\n"
	"    nexusctl fs history / --keep 30d --user alice",
	OPT(history_options), STORAGE, ctl_fs_history},
    {"fs snapshot create <word:NAME> [path]", "keep what a folder is now",
	"It takes no time and no room. What is replaced, moved or deleted from "
	"then on is kept for it, and counts against the quota until the "
	"snapshot is deleted.\n\n"
	"    nexusctl fs snapshot create monday /docs\n"
	"    nexusctl fs ls /docs --snapshot monday\n"
	"    nexusctl fs cp -r /docs /docs.monday --snapshot monday",
	NO_OPT, STORAGE, ctl_snapshot_create},
    {"fs snapshot ls", "list snapshots", NULL, NO_OPT, STORAGE,
	ctl_snapshot_ls},
    {"fs snapshot rm <word:NAME>", "delete a snapshot",
	"What only it needed is given up.", NO_OPT, STORAGE, ctl_snapshot_rm},
    {"fs events", "list what has changed",
	"Files and folders, files outside of them, and objects: created, "
	"changed, deleted, moved, or purged (an old version went). A line on "
	"standard error says how to go on from there; with -q only that "
	"cursor is printed. When what came after a cursor is not kept any "
	"more it says so, and exits with 4: take --since now, list "
	"everything anew, and go on from there.\n\n"
	"    nexusctl --user ann fs events --since now --follow",
	OPT(events_options), STORAGE, ctl_fs_events},
    {"fs lock <path>", "keep what is at a path as it is until a time",
	"Nothing there, or below it if it is a folder, is replaced, moved or "
	"deleted before that; new files may come. Nobody can shorten it, an "
	"admin neither; locked again it can be for longer.\n\n"
	"    nexusctl fs lock /backups --until +90d",
	OPT(fs_lock_options), STORAGE, ctl_fs_lock},
    {"fs locks", "list the paths that are locked", NULL, NO_OPT, STORAGE,
	ctl_fs_locks},

    {"bucket make <bucket>", "make a bucket",
	"A bucket holds objects by keys, beside the folders. Its name is one "
	"for all users of this Nexus.",
	OPT(bucket_make_options), STORAGE, ctl_bucket_make},
    {"bucket ls", "list buckets", NULL, NO_OPT, STORAGE, ctl_bucket_ls},
    {"bucket info <bucket>", "show everything about a bucket", NULL, NO_OPT,
	STORAGE, ctl_bucket_info},
    {"bucket set <bucket>", "keep versions in a bucket, or lock what comes",
	NULL, OPT(bucket_set_options), STORAGE, ctl_bucket_set},
    {"bucket rm <bucket>", "delete a bucket with nothing in it", NULL, NO_OPT,
	STORAGE, ctl_bucket_rm},
    {"object ls <bucket> [word:PREFIX]", "list objects by their keys", NULL,
	OPT(object_ls_options), STORAGE, ctl_object_ls},
    {"object put <local> <bucket> <key>", "store an object",
	"With --part it is sent as S3's clients send large ones.",
	OPT(object_put_options), STORAGE, ctl_object_put},
    {"object get <bucket> <key> <local:DEST>", "fetch an object",
	"DEST is a file, or - for standard output.",
	OPT(object_version_options), STORAGE, ctl_object_get},
    {"object stat <bucket> <key>", "show everything about an object", NULL,
	OPT(object_version_options), STORAGE, ctl_object_stat},
    {"object cp <bucket> <key> <bucket:TO> <key:NEW>", "copy an object",
	"No byte moves; the copy counts in full against the quota.",
	OPT(object_version_options), STORAGE, ctl_object_cp},
    {"object rm <bucket> <key>", "delete an object",
	"Where versions are kept the object is hidden, and can be had by its "
	"version; --version deletes one for good.",
	OPT(object_rm_options), STORAGE, ctl_object_rm},
    {"object lock <bucket> <key>", "keep a version from being deleted", NULL,
	OPT(object_lock_options), STORAGE, ctl_object_lock},
    {"upload ls [bucket]", "list uploads that are not finished",
	"Those that can be resumed; with BUCKET, those in parts.", NO_OPT,
	STORAGE, ctl_upload_ls},
    {"upload drop <word:UPLOAD>", "give up an upload", NULL, NO_OPT, STORAGE,
	ctl_upload_drop},

    {"lambda run <local>", "run a function once",
	"LOCAL is a file with Python code, or - for standard input. It runs in "
	"a sandbox that is destroyed afterwards: no network, limited memory "
	"and time. Its exit status becomes that of nexusctl.\n\n"
	"    echo 'print(6 * 7)' | nexusctl lambda run -",
	OPT(run_options), NODE, ctl_lambda_run},
};
const struct ctl_command_set ctl_use_commands = {rows, NX_ARRAY_SIZE(rows)};
