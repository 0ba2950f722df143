/* Products by cuBLASLt, whose matrices are column-major: a row-major one is
 * its own transpose there, so C = A B is asked for as C^T = B^T A^T. */
#include <string.h>

#include "cuda/train.h"

static rp_status set(struct rp_cuda_train *t, cublasLtMatmulDesc_t desc,
                     cublasLtMatmulDescAttributes_t attribute, bool turned)
{
    const cublasOperation_t op = turned ? CUBLAS_OP_T : CUBLAS_OP_N;

    return rp_cuda_train_blas(t,
                              t->libs->cublasLtMatmulDescSetAttribute(
                                  desc, attribute, &op, sizeof op),
                              "describing a product");
}

/* A row-major matrix (rows, columns), or (columns, rows) if it is turned. */
static rp_status describe(struct rp_cuda_train *t,
                          cublasLtMatrixLayout_t *layout, bool bf16,
                          bool turned, uint32_t rows, uint32_t columns,
                          uint32_t ld)
{
    return rp_cuda_train_blas(
        t,
        t->libs->cublasLtMatrixLayoutCreate(
            layout, bf16 ? CUDA_R_16BF : CUDA_R_32F, turned ? rows : columns,
            turned ? columns : rows, ld),
        "describing a matrix");
}

static rp_status make(struct rp_cuda_train *t, struct rp_cuda_plan *plan)
{
    const struct rp_cuda_libs *libs = t->libs;
    const struct rp_cuda_product *is = &plan->is;
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    rp_status status = rp_cuda_train_blas(
        t,
        libs->cublasLtMatmulDescCreate(&plan->desc,
                                       is->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                : CUBLAS_COMPUTE_32F,
                                       CUDA_R_32F),
        "describing a product");

    if (!status)
        status = set(t, plan->desc, CUBLASLT_MATMUL_DESC_TRANSA, is->tb);
    if (!status)
        status = set(t, plan->desc, CUBLASLT_MATMUL_DESC_TRANSB, is->ta);
    if (!status)
        status = describe(t, &plan->a, is->bf16, is->ta, is->M, is->K,
                          is->lda);
    if (!status)
        status = describe(t, &plan->b, is->bf16, is->tb, is->K, is->N,
                          is->ldb);
    if (!status)
        status = describe(t, &plan->c, false, false, is->M, is->N, is->ldc);
    if (!status)
        status = rp_cuda_train_blas(
            t,
            libs->cublasLtMatmulAlgoGetHeuristic(
                t->blas, plan->desc, plan->b, plan->a, plan->c, plan->c,
                t->preference, 1, &found, &count),
            "looking for a way to multiply");
    if (!status && count < 1)
        status = rp_cuda_train_blas(t, CUBLAS_STATUS_NOT_SUPPORTED,
                                    "looking for a way to multiply");
    if (!status) {
        plan->algo = found.algo;
        plan->made = true;
    }
    return status;
}

static void forget(struct rp_cuda_train *t, struct rp_cuda_plan *plan)
{
    const struct rp_cuda_libs *libs = t->libs;

    if (plan->a)
        (void)libs->cublasLtMatrixLayoutDestroy(plan->a);
    if (plan->b)
        (void)libs->cublasLtMatrixLayoutDestroy(plan->b);
    if (plan->c)
        (void)libs->cublasLtMatrixLayoutDestroy(plan->c);
    if (plan->desc)
        (void)libs->cublasLtMatmulDescDestroy(plan->desc);
    memset(plan, 0, sizeof *plan);
}

void rp_cuda_product_fini(struct rp_cuda_train *t)
{
    for (int i = 0; i < RP_CUDA_PLANS; i++)
        forget(t, &t->plan[i]);
}

static bool same(const struct rp_cuda_product *a,
                 const struct rp_cuda_product *b)
{
    return a->M == b->M && a->N == b->N && a->K == b->K && a->lda == b->lda &&
           a->ldb == b->ldb && a->ldc == b->ldc && a->ta == b->ta &&
           a->tb == b->tb && a->bf16 == b->bf16 && a->tf32 == b->tf32;
}

/* The plan of this product; in a place of its own, which one that was there
 * before has to leave. */
static rp_status find(struct rp_cuda_train *t,
                      const struct rp_cuda_product *is,
                      struct rp_cuda_plan **plan)
{
    uint32_t key = is->M * 31 + is->N * 17 + is->K * 7 + is->ldc +
                   2u * is->ta + is->tb + 4u * is->bf16;

    *plan = &t->plan[key * 2654435761u >> 25];
    _Static_assert(RP_CUDA_PLANS == 1 << 7, "the key has 7 bits");
    if ((*plan)->made && same(&(*plan)->is, is))
        return RP_OK;
    forget(t, *plan);
    (*plan)->is = *is;
    return make(t, *plan);
}

rp_status rp_cuda_product(struct rp_cuda_train *t,
                          const struct rp_cuda_net *net,
                          struct rp_cuda_product is, const void *a,
                          const void *b, float *c)
{
    const float one = 1, beta = is.adds ? 1 : 0;
    struct rp_cuda_plan *plan;
    rp_status status;

    is.bf16 = net->numbers.bf16;
    is.tf32 = net->numbers.tf32;
    status = find(t, &is, &plan);
    if (status)
        return status;
    return rp_cuda_train_blas(
        t,
        t->libs->cublasLtMatmul(t->blas, plan->desc, &one, b, plan->b, a,
                                plan->a, &beta, c, plan->c, c, plan->c,
                                &plan->algo, t->work, t->work_size,
                                t->cuda.stream),
        "multiplying");
}
