/* Mails: does what Nexus writes arrive? */
#include "common/err.h"
#include "nexusctl/ctl.h"

#define MAIL   NX_ROLE_BIT(NX_ROLE_MAIL)
#define OPT(o) o, NX_ARRAY_SIZE(o)
#define NO_OPT NULL, 0

static const struct ctl_option queue_options[] = {
    {"flush", 0, NULL, NULL, "try all that wait now"},
    {"drop", 0, "<word:ID>", NULL, "give up this one; it will not arrive"},
};

static const struct ctl_command rows[] = {
    {"mail test <word:ADDRESS>", "send a mail now, and say what became of it",
	"It goes past the queue, and the mail server's own words are printed: "
	"its last reply, or what went wrong on the way there.",
	NO_OPT, MAIL, ctl_mail_test},
    {"mail queue", "list the mails that wait for the mail server",
	"Each is tried again with growing pauses until it expires: a code with "
	"its five minutes. LAST ERROR is the mail server's word, or what went "
	"wrong on the way there.",
	OPT(queue_options), MAIL, ctl_mail_queue},
};
const struct ctl_command_set ctl_mail_commands = {rows, NX_ARRAY_SIZE(rows)};
