/* Looking things up in the table of methods, which the build makes. */
#include "common/method.h"

const struct nx_method *
nx_method_find(uint32_t method)
{
	for (size_t i = 0; i < nx_methods_count; i++)
		if ((uint32_t)nx_methods[i].method == method)
			return &nx_methods[i];
	return NULL;
}

enum nx_role
nx_method_callee(const struct nx_method *m)
{
	for (enum nx_role role = NX_ROLE_NONE; role < NX_ROLE_MAX; role++)
		if (m->callees == NX_ROLE_BIT(role))
			return role;
	return NX_ROLE_NONE;
}
