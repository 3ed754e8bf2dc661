/* test_batch: records in frames: how many leave, what gathers, what does not
 * fit. */
#include "unit.h"

#include "common/batch.h"
#include "common/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE = 320, SENT_MAX = 64 };

static struct batch batch;
static int send_error;
static unsigned nsent;
static uint32_t counts[SENT_MAX]; /* records of each frame that was sent */
static uint64_t last_record;

static int
take(void *arg, const void *data, size_t len)
{
	struct frame f;
	uint64_t n;

	ck_assert_ptr_eq(arg, &batch);
	if (send_error != 0)
		return send_error;
	ck_assert_int_eq(frame_parse(data, len, &f), 0);
	ck_assert_uint_eq(f.type, TYPE);
	ck_assert_uint_eq(f.nargs, 1);
	ck_assert_uint_lt(nsent, SENT_MAX);
	ck_assert_int_eq(wire_get_array(&f.args, &counts[nsent]), 0);
	for (uint32_t i = 0; i < counts[nsent]; i++) {
		if (wire_peek(&f.args) != WIRE_UINT) {
			ck_assert_int_eq(wire_skip(&f.args), 0);
			continue;
		}
		ck_assert_int_eq(wire_get_uint(&f.args, &n), 0);
		ck_assert_uint_eq(n, last_record + 1);
		last_record = n;
	}
	nsent++;
	return 0;
}

static void
begin(size_t limit)
{
	send_error = 0;
	nsent = 0;
	last_record = 0;
	batch_init(&batch, TYPE, limit, take, &batch);
}

static int
put(uint64_t n, bool urgent)
{
	char storage[16];
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	wire_put_uint(&b, n);
	return batch_put(&batch, b.data, b.len, urgent);
}

static int
put_big(size_t len)
{
	char *bytes = calloc(1, len);
	struct buf b;
	int r;

	buf_init(&b, 2 * len + 16);
	wire_put_bin(&b, bytes, len);
	r = batch_put(&batch, b.data, b.len, false);
	buf_fini(&b);
	free(bytes);
	return r;
}

START_TEST(test_window)
{
	begin(1 << 20);
	for (uint64_t n = 1; n <= 100; n++)
		ck_assert_int_eq(put(n, false), 0);
	/* The first leaves at once, the others gather. */
	ck_assert_uint_eq(nsent, 1);
	ck_assert_uint_eq(last_record, 1);
	ck_assert(!batch_is_empty(&batch));
	batch_answered(&batch);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_uint_eq(counts[1], 99);
	ck_assert(batch_is_empty(&batch));
	/* More answers than frames are nothing. */
	for (int i = 0; i < 20; i++)
		batch_answered(&batch);
	ck_assert_uint_eq(batch.unanswered, 0);
	batch_reset(&batch);
}
END_TEST

START_TEST(test_frames)
{
	begin(SIZE_MAX);
	ck_assert_int_eq(put(1, false), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(put_big(BATCH_FRAME / 2), 0);
	ck_assert_int_eq(put_big(BATCH_RECORD_MAX - 16), 0);
	ck_assert_int_eq(put_big(BATCH_RECORD_MAX), -EMSGSIZE);
	/* Full ones leave while there is room in the window. */
	ck_assert_uint_eq(nsent, BATCH_WINDOW);
	ck_assert_uint_eq(batch.unanswered, BATCH_WINDOW);
	for (int i = 0; i < 20; i++)
		batch_answered(&batch);
	ck_assert(batch_is_empty(&batch));
	ck_assert_uint_eq(batch.bytes, 0);
	for (unsigned i = 0; i < nsent; i++)
		ck_assert_uint_eq(counts[i], 1);
	ck_assert_uint_eq(nsent, 12);
	batch_reset(&batch);
}
END_TEST

START_TEST(test_limit)
{
	begin(10);
	send_error = -ENOTCONN;
	for (uint64_t n = 1; n <= 10; n++)
		ck_assert_int_eq(put(n, false), 0);
	ck_assert_int_eq(put(11, false), -EAGAIN);
	ck_assert_int_eq(put(11, true), 0);
	ck_assert_uint_eq(nsent, 0);
	/* What could not leave is there, in order, when it can. */
	send_error = 0;
	batch_flush(&batch);
	ck_assert_uint_eq(last_record, 11);
	ck_assert_uint_eq(nsent, 1);
	batch_reset(&batch);
}
END_TEST

START_TEST(test_reset)
{
	begin(1 << 20);
	for (uint64_t n = 1; n <= 100; n++)
		ck_assert_int_eq(put(n, false), 0);
	batch_reset(&batch);
	ck_assert(batch_is_empty(&batch));
	ck_assert_uint_eq(batch.bytes, 0);
	ck_assert_uint_eq(batch.unanswered, 0);
	last_record = 200;
	ck_assert_int_eq(put(201, false), 0);
	ck_assert_uint_eq(last_record, 201);
	batch_reset(&batch);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("batch");
	TCase *tc = tcase_create("batch");

	tcase_add_test(tc, test_window);
	tcase_add_test(tc, test_frames);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_reset);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
