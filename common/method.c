/* Looking things up in the table of methods, which the build makes. */
#include "common/err.h"
#include "common/method.h"

/* Of each number its row + 1; 0: there is none. Made when it is first asked. */
static const uint16_t *
rows_by_number(void)
{
	static uint16_t rows[NX_METHOD_SPAN];
	static bool made;

	for (size_t i = 0; i < nx_methods_count && !made; i++) {
		nx_assert((unsigned)nx_methods[i].method < NX_METHOD_SPAN);
		rows[nx_methods[i].method] = (uint16_t)(i + 1);
	}
	made = true;
	return rows;
}

const struct nx_method *
nx_method_find(uint32_t method)
{
	uint16_t row = method < NX_METHOD_SPAN ? rows_by_number()[method] : 0;

	return row > 0 ? &nx_methods[row - 1] : NULL;
}

enum nx_role
nx_method_callee(const struct nx_method *m)
{
	for (enum nx_role role = NX_ROLE_NONE; role < NX_ROLE_MAX; role++)
		if (m->callees == NX_ROLE_BIT(role))
			return role;
	return NX_ROLE_NONE;
}
