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
    rows = rp_json_find(&json, 0, "rollouts");
    CHECK_INT(json.node[rows].count, bench->rollouts);
    CHECK_NEAR(json.node[rp_json_find(&json, rows + 1, "us")].number,
               bench->rollout[0].us, 0.01);
    rp_json_fini(&json);
    free(text);
}

int main(void)
{
    const struct rp_shape shape = {1, 32, 16, {24, true, true}};
    const struct rp_bench_engine_row in = {.us = 149, .floor_us = 100};
    const struct rp_bench_engine_row over = {.us = 151, .floor_us = 100};
    struct rp_bench_engine bench;
    uint32_t paths = 0, large = 0;

    CHECK_INT(rp_bench_engine_run(&bench, &rp_engine_cpu, &shape, 0.01), RP_OK);
    paths += rp_kernels_find("portable") != NULL;
    paths += rp_kernels_find("avx2") != NULL;
    paths += rp_kernels_find("avx512") != NULL;
    CHECK_INT(bench.rows, 2 * (1 + paths));
    for (uint32_t i = 0; i < bench.rows; i++) {
        const struct rp_bench_engine_row *row = &bench.row[i];
        CHECK(row->us > 0 && row->floor_us > 0);
        CHECK(row->least_us > 0 && row->least_us <= row->us);
        CHECK(row->slots == 1 || row->slots == 16);
        large += row->hidden == 512 && row->layers == 2 && row->bytes > 12e6;
    }
    CHECK_INT(large, 1 + paths);
    CHECK(bench.draw_us > 0);
    CHECK(strlen(bench.device) > 3);
    CHECK_INT(rp_bench_rollout_run(&bench, &rp_engine_cpu, 0.01), RP_OK);
    CHECK_INT(bench.rollouts, 3);
    for (uint32_t i = 0; i < bench.rollouts; i++) {
        const struct rp_bench_engine_rollout *row = &bench.rollout[i];
        CHECK_INT(row->notes, row->candidates * row->most);
        CHECK(row->us > 0 && row->p999_us >= row->us);
    }
    CHECK(rp_bench_engine_within(&in) && !rp_bench_engine_within(&over));
    rp_bench_engine_print(&bench, false, stdout);
    check_json(&bench);
    CHECK_INT(rp_bench_engine_run(&bench, &rp_engine_cpu, NULL, 0.01), RP_OK);
    CHECK_INT(bench.rows, 1 + paths);
    return TEST_END();
}
