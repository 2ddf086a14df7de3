/* The [authd] section of nexus.conf. */
#include <stddef.h>

#include "authd/state.h"
#include "authd/store/store.h"
#include "common/err.h"

#define KEY(n, value, min, max)                                           \
	{                                                                 \
		"authd", #n, NX_CONF_UINT, offsetof(struct auth_conf, n), \
		    value, min, max                                       \
	}

/* Budgets: as many at once, and as many again within an hour; what that makes
 * of guessing is reckoned in docs/auth.md. Per address they are wide, for behind
 * a proxy or a household's router everybody has the same one. */
const struct nx_conf_key auth_conf_keys[] = {
    KEY(token_hours, "24", 1, 720),
    KEY(token_minutes, "0", 0, 43200),
    KEY(session_days, "30", 1, 3650),
    KEY(refresh_window, "10", 0, AUTH_REFRESH_WINDOW_MAX),
    KEY(reauth_minutes, "10", 1, 1440),
    KEY(codes_per_hour, "20", 1, 100000),
    KEY(registrations_per_address, "300", 1, 1000000),
    KEY(failures_per_address, "300", 1, 1000000),
    KEY(failures_per_login, "30", 1, 1000000),
    KEY(failures_per_account, "100", 1, 1000000),
    KEY(guesses_per_account, "30", 1, 1000000),
    KEY(keys_per_user, "100", 1, 10000),
    KEY(key_days, "0", 0, 36500),
    KEY(audit_days, "400", 1, 36500),
    KEY(audit_rows, "1000000", 1000, 1000000000),
    {"authd", "registration", NX_CONF_STRING,
	offsetof(struct auth_conf, registration), "open", 0, 0},
    {"authd", "rp_id", NX_CONF_STRING, offsetof(struct auth_conf, rp_id),
	"localhost", 0, 0},
    {"authd", "origins", NX_CONF_STRING, offsetof(struct auth_conf, origins),
	"http://localhost:8080", 0, 0},
};
const size_t auth_conf_count = NX_ARRAY_SIZE(auth_conf_keys);
