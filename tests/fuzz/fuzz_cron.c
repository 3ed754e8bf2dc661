/*
 * fuzz_cron: whatever is accepted has times that grow, none of them earlier than
 * asked for, and the same a second before; what is refused says where. The first
 * eight bytes are where to begin.
 */
#include "common/cron.h"
#include "common/zone.h"

#include "fuzz.h"

#include <string.h>

enum { TIMES = 20, HEAD = 8, NAMES = 4 };

/* 1970 to 2100. */
#define SPAN UINT64_C(4102444800)

static void
check_times(const struct cron *c, const struct zone *z, int64_t after)
{
	struct cron_instant at, same;

	for (int i = 0; i < TIMES && cron_next(c, z, after, &at); i++) {
		MUST(at.at > after);
		after = at.at;
		if (c->kind != CRON_FIELDS_KIND)
			continue;
		same.at = after - 1;
		MUST(cron_next(c, z, same.at, &same) && same.at == after);
	}
}

static void
check_refusal(const char *text, const struct cron_error *e)
{
	MUST(e->column >= 1 && e->column <= strlen(text) + 1);
	MUST(e->reason[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[NAMES] = {
	    "UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"};
	static struct zone *zones[NAMES];
	char text[CRON_TEXT_MAX + 8];
	struct cron_error e;
	uint64_t from;
	struct cron c;

	if (size < HEAD || size - HEAD >= sizeof(text))
		return 0;
	memcpy(&from, data, HEAD);
	memcpy(text, data + HEAD, size - HEAD);
	text[size - HEAD] = '\0';
	for (size_t i = 0; i < NAMES; i++) {
		if (zones[i] == NULL)
			MUST(zone_open(names[i], &zones[i]) == 0);
	}
	if (cron_parse(text, &c, &e) != 0)
		check_refusal(text, &e);
	else
		check_times(&c, zones[from % NAMES], (int64_t)(from % SPAN));
	return 0;
}
