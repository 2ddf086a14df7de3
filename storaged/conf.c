/* The keys of storaged's section in nexus.conf. */
#include <stddef.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

#define AT(field) offsetof(struct storaged_conf, field)

const struct nx_conf_key storaged_conf_keys[] = {
    {"storaged", "quota", NX_CONF_SIZE, AT(quota), "500M", 0, INT64_MAX},
    {"storaged", "threads", NX_CONF_UINT, AT(threads), "32", 2, 64},
    {"storaged", "upload_idle", NX_CONF_UINT, AT(upload_idle), "60", 1, 86400},
    {"storaged", "max_uploads", NX_CONF_UINT, AT(max_uploads), "256", 1, 512},
    {"storaged", "orphan_grace", NX_CONF_UINT, AT(orphan_grace), "600", 5,
	86400},
    {"storaged", "orphan_keep", NX_CONF_UINT, AT(orphan_keep), "604800", 5,
	31536000},
    {"storaged", "orphans", NX_CONF_UINT, AT(orphans), "64", 0, INT64_MAX},
    {"storaged", "history", NX_CONF_UINT, AT(history), "604800", 0,
	CATALOG_KEEP_MAX},
    {"storaged", "entries", NX_CONF_UINT, AT(entries), "1000000", 1, INT64_MAX},
    {"storaged", "base_size", NX_CONF_SIZE, AT(base_size), "1G", 0, INT64_MAX},
    {"storaged", "base_max", NX_CONF_UINT, AT(base_max), "16", 0, 1024},
    {"storaged", "node_chunks", NX_CONF_UINT, AT(node_chunks), "100", 1, 1000},
    {"storaged", "compression", NX_CONF_STRING, AT(compression), "off", 0, 0},
    {"storaged", "encryption", NX_CONF_BOOL, AT(encryption), "off", 0, 0},
    {"storaged", "encryption_key", NX_CONF_STRING, AT(encryption_key), "", 0,
	0},
    {"storaged", "encryption_key_old", NX_CONF_STRING, AT(encryption_key_old),
	"", 0, 0},
    {"storaged", "away_grace", NX_CONF_UINT, AT(away_grace), "600", 0, 864000},
    {"storaged", "move_rate", NX_CONF_SIZE, AT(move_rate), "50M", 65536,
	INT64_MAX},
    {"storaged", "disks", NX_CONF_STRING, AT(disks), "", 0, 0},
    {"storaged", "scrub_rate", NX_CONF_SIZE, AT(scrub_rate), "20M", 0,
	INT64_MAX},
    {"storaged", "scrub_cpu", NX_CONF_UINT, AT(scrub_cpu), "5", 1, 100},
    {"storaged", "scrub_interval", NX_CONF_UINT, AT(scrub_interval), "86400",
	60, 31536000},
    {"storaged", "check_interval", NX_CONF_UINT, AT(check_interval), "86400", 0,
	31536000},
    {"storaged", "events", NX_CONF_UINT, AT(events), "10000", 100, 1000000},
    {"storaged", "events_keep", NX_CONF_UINT, AT(events_keep), "604800", 60,
	31536000},
};
const size_t storaged_conf_count = NX_ARRAY_SIZE(storaged_conf_keys);
