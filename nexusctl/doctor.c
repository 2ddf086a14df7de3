/* nexusctl doctor: shows every finding with its cure. */
#include <stdio.h>
#include <unistd.h>

#include "nexusctl/ctl.h"
#include "nexusctl/doctor.h"

static const char *const words[] = {
    [CTL_GOOD] = "ok", [CTL_WARNING] = "warning", [CTL_BAD] = "bad"};
static const char *const colours[] = {[CTL_GOOD] = "\033[32m",
    [CTL_WARNING] = "\033[33m",
    [CTL_BAD] = "\033[31m"};

static void
print_finding(const char *name, const struct ctl_finding *f)
{
	bool colour = isatty(STDOUT_FILENO);

	printf("%s%-8s%s %-16s %s\n", colour ? colours[f->health] : "",
	    words[f->health], colour ? "\033[0m" : "", name, f->what);
	if (f->cure[0])
		printf("         %-16s -> %s\n", "", f->cure);
}

static cJSON *
finding_json(const char *name, const struct ctl_finding *f)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", name);
	cJSON_AddStringToObject(json, "health", words[f->health]);
	cJSON_AddStringToObject(json, "finding", f->what);
	cJSON_AddStringToObject(json, "cure", f->cure);
	return json;
}

int
ctl_doctor(struct ctl *c)
{
	cJSON *array = c->json ? cJSON_CreateArray() : NULL;
	enum ctl_health worst = CTL_GOOD;
	size_t i;

	for (i = 0; i < ctl_checks_count; i++) {
		struct ctl_finding f = {0};

		ctl_checks[i].look(&f);
		if (f.health > worst)
			worst = f.health;
		if (array)
			cJSON_AddItemToArray(
			    array, finding_json(ctl_checks[i].name, &f));
		else
			print_finding(ctl_checks[i].name, &f);
	}
	if (array)
		ctl_print_json(array);
	return worst == CTL_BAD ? nx_status_exit(NX__STATUS__UNSUPPORTED) : 0;
}
