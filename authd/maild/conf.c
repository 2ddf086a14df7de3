/* The keys of [maild]. */
#include <string.h>

#include "authd/maild/conf.h"
#include "common/err.h"

#define TEXT(name, member, value)                                    \
	{                                                            \
		"maild", name, NX_CONF_STRING,                       \
		    offsetof(struct maild_conf, member), value, 0, 0 \
	}
#define NUMBER(name, member, value, min, max)                            \
	{                                                                \
		"maild", name, NX_CONF_UINT,                             \
		    offsetof(struct maild_conf, member), value, min, max \
	}

const struct nx_conf_key maild_conf_keys[] = {
    TEXT("from", from, "nexus@localhost"),
    TEXT("deliver", deliver, "outbox"),
    NUMBER("outbox_keep", keep, "10000", 10, 1000000),
    TEXT("smtp_url", smtp_url, ""),
    TEXT("smtp_tls", smtp_tls, "required"),
    TEXT("smtp_user", smtp_user, ""),
    TEXT("smtp_password_file", smtp_password_file, ""),
    TEXT("smtp_ca", smtp_ca, ""),
    NUMBER("smtp_timeout", smtp_timeout, "30", 1, 300),
    NUMBER("smtp_connect_timeout", smtp_connect_timeout, "10", 1, 300),
    NUMBER("smtp_parallel", smtp_parallel, "4", 1, 16),
    NUMBER("queue_keep", queue_keep, "10000", 10, 100000),
    NUMBER("queue_life", queue_life, "86400", 60, 604800),
    NUMBER("retry_first", retry_first, "5", 1, 3600),
    NUMBER("retry_max", retry_max, "900", 1, 86400),
};
const size_t maild_conf_count = NX_ARRAY_SIZE(maild_conf_keys);

bool
maild_conf_network(const struct maild_conf *conf)
{
	return strcmp(conf->deliver, "smtp") == 0;
}
