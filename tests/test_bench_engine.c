/* The measurement runs, covers what it says, and prints JSON. How fast is not
 * for a test: the machine may be busy. */
#include "model/play/bench_rollout.h"
#include "model/net/json.h"
#include "model/net/kernels.h"
#include "tests/test.h"

static void check_json(const struct rp_bench_engine *bench)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct rp_json json;
    struct rp_json_fault fault;

    rp_bench_engine_print(bench, true, out);
    fclose(out);
    CHECK_INT(rp_json_parse(text, size, &json, &fault), RP_OK);
    uint32_t rows = rp_json_find(&json, 0, "rows");
    CHECK_INT(json.node[rows].count, bench->rows);
    CHECK_NEAR(json.node[rp_json_find(&json, rows + 1, "us")].number,
               bench->row[0].us, 0.01);
    CHECK_NEAR(json.node[rp_json_find(&json, 0, "draw_us")].number,
               bench->draw_us, 0.01);
    rp_json_fini(&json);
    free(text);
}

static void check_rows(const struct rp_bench_engine *bench, uint32_t paths)
{
    uint32_t large = 0, count[RP_BENCH_WHATS] = {0};

    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        CHECK_INT(row->status, RP_OK);
        CHECK(row->least_us > 0 && row->least_us <= row->us);
        CHECK(row->us <= row->p99_us && row->p99_us <= row->p999_us &&
              row->p999_us <= row->most_us);
        CHECK(row->samples > 0 && !row->kept);
        count[row->what]++;
        if (row->what == RP_BENCH_ROLLOUT)
            CHECK_INT(row->notes, row->candidates * row->most);
        if (row->what != RP_BENCH_NOTE)
            continue;
        CHECK(row->floor_us > 0 && row->step_us > 0);
        CHECK(row->slots == 1 || row->slots == 16);
        large += row->hidden == 512 && row->layers == 2 && row->bytes > 12e6;
    }
    CHECK_INT(large, 1 + paths);
    CHECK_INT(count[RP_BENCH_NOTE], 2 * (1 + paths));
    CHECK_INT(count[RP_BENCH_LIVE], 1);
    CHECK_INT(count[RP_BENCH_ROLLOUT], 3);
}

/* The quickest of what did the same; one that failed is none. */
static void test_judge(void)
{
    static struct rp_bench_engine bench = {.rows = 5};
    static const char *const path[] = {"a", "b", "c", "d", "a"};

    for (int i = 0; i < 5; i++)
        bench.row[i] = (struct rp_bench_engine_row){
            .engine = "cuda", .kernels = path[i], .slots = 1,
            .us = i < 4 ? 9 - i : 1};
    bench.row[3].status = RP_ELOST;
    bench.row[4].slots = 16; /* alone of its kind */
    rp_bench_engine_judge(&bench);
    for (int i = 0; i < 5; i++)
        CHECK_INT(bench.row[i].kept, i == 2);
}

int main(void)
{
    const struct rp_shape shape = {1, 32, 16, {24, true, true}};
    const struct rp_bench_engine_row in = {.us = 149, .floor_us = 100};
    const struct rp_bench_engine_row over = {.us = 151, .floor_us = 100};
    struct rp_bench_engine_options options = {
        .ops = &rp_engine_cpu, .shape = &shape, .seconds = 0.01};
    static struct rp_bench_engine bench;
    uint32_t paths = 0;

    paths += rp_kernels_find("portable") != NULL;
    paths += rp_kernels_find("avx2") != NULL;
    paths += rp_kernels_find("avx512") != NULL;
    CHECK_INT(rp_bench_all(&bench, &options), RP_OK);
    check_rows(&bench, paths);
    CHECK(bench.draw_us > 0);
    CHECK(strlen(bench.device) > 3);
    CHECK(rp_bench_engine_within(&in) && !rp_bench_engine_within(&over));
    rp_bench_engine_print(&bench, false, stdout);
    check_json(&bench);
    options.shape = NULL;
    CHECK_INT(rp_bench_engine_run(&bench, &options), RP_OK);
    CHECK_INT(bench.rows, 1 + paths);
    test_judge();
    return TEST_END();
}
