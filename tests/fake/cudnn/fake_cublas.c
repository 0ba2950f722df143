/* cuBLASLt's product by its documentation, in double. */
#include <stdio.h>
#include <stdlib.h>

#include "cublasLt.h"
#include "fake_cuda.h"
#include "fake_number.h"

struct fake_cublas {
    int nothing;
};
struct fake_matrix {
    bool bf16;
    uint64_t rows, cols;
    int64_t ld;
};
struct fake_matmul {
    cublasOperation_t a, b;
    cublasLtEpilogue_t epilogue;
    const void *bias;
};
struct fake_preference {
    size_t workspace;
};

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_SUCCESS         ? "success"
           : status == CUBLAS_STATUS_INVALID_VALUE ? "invalid value"
           : status == CUBLAS_STATUS_NOT_SUPPORTED ? "not supported"
                                                   : "execution failed";
}

static cublasStatus_t make(void **out, size_t size)
{
    *out = calloc(1, size);
    return *out ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    return fake_cuda.devices > 0 ? make((void **)handle, sizeof **handle)
                                 : CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout,
                                          cudaDataType type, uint64_t rows,
                                          uint64_t cols, int64_t ld)
{
    if (!rows || !cols || ld < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    cublasStatus_t status = make((void **)layout, sizeof **layout);
    if (!status)
        **layout =
            (struct fake_matrix){type == CUDA_R_16BF, rows, cols, ld};
    return status;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    free(layout);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc,
                                        cublasComputeType_t compute,
                                        cudaDataType scale)
{
    cublasStatus_t status = scale == CUDA_R_32F
                                ? make((void **)desc, sizeof **desc)
                                : CUBLAS_STATUS_NOT_SUPPORTED;

    if (!status)
        **desc = (struct fake_matmul){CUBLAS_OP_N, CUBLAS_OP_N,
                                      CUBLASLT_EPILOGUE_DEFAULT, NULL};
    return status;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc)
{
    free(desc);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(
    cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
    const void *value, size_t size)
{
    void *to = attribute == CUBLASLT_MATMUL_DESC_TRANSA     ? (void *)&desc->a
               : attribute == CUBLASLT_MATMUL_DESC_TRANSB   ? (void *)&desc->b
               : attribute == CUBLASLT_MATMUL_DESC_EPILOGUE
                   ? (void *)&desc->epilogue
                   : (void *)&desc->bias;
    size_t want = attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER
                      ? sizeof desc->bias
                      : sizeof desc->a;

    if (size != want)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    return make((void **)p, sizeof **p);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    free(p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t p,
    cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
    size_t size)
{
    if (size != sizeof p->workspace)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&p->workspace, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

struct product {
    struct fake_matmul desc;
    struct fake_matrix a_is, b_is, c_is, d_is;
    const void *a, *b, *c;
    void *d;
    float alpha, beta;
    uint64_t m, n, k;
};

/* Shapes that do not fit are the caller's mistake. */
static bool fits(struct product *p)
{
    bool ta = p->desc.a == CUBLAS_OP_T, tb = p->desc.b == CUBLAS_OP_T;
    uint64_t k = tb ? p->b_is.cols : p->b_is.rows;

    p->m = ta ? p->a_is.cols : p->a_is.rows;
    p->k = ta ? p->a_is.rows : p->a_is.cols;
    p->n = tb ? p->b_is.rows : p->b_is.cols;
    return p->k == k && p->d_is.rows == p->m && p->d_is.cols == p->n &&
           p->c_is.rows == p->m && p->c_is.cols == p->n &&
           p->a_is.bf16 == p->b_is.bf16 && p->c_is.bf16 == p->d_is.bf16;
}

static uint64_t place(const struct fake_matrix *is, bool turned, uint64_t i,
                      uint64_t j)
{
    return turned ? j + i * (uint64_t)is->ld : i + j * (uint64_t)is->ld;
}

/* One element; a bias is a vector along the rows of d, of d's type. */
static void element(const struct product *p, uint64_t i, uint64_t j)
{
    bool ta = p->desc.a == CUBLAS_OP_T, tb = p->desc.b == CUBLAS_OP_T;
    uint64_t at = place(&p->d_is, false, i, j);
    double sum = 0;

    for (uint64_t k = 0; k < p->k; k++)
        sum += (double)fake_number(p->a, place(&p->a_is, ta, i, k),
                                   p->a_is.bf16) *
               (double)fake_number(p->b, place(&p->b_is, tb, k, j),
                                   p->b_is.bf16);
    sum *= (double)p->alpha;
    if (p->beta != 0.0f)
        sum += (double)p->beta *
               (double)fake_number(p->c, place(&p->c_is, false, i, j),
                                   p->c_is.bf16);
    if (p->desc.epilogue & CUBLASLT_EPILOGUE_BIAS)
        sum += (double)fake_number(p->desc.bias, i, p->d_is.bf16);
    if (p->desc.epilogue & CUBLASLT_EPILOGUE_RELU && sum < 0)
        sum = 0;
    fake_number_set(p->d, at, p->d_is.bf16, sum);
}

static void run(void *kernel, const void *arguments)
{
    struct product p;

    memcpy(&p, arguments, sizeof p);
    for (uint64_t j = 0; j < p.n; j++)
        for (uint64_t i = 0; i < p.m; i++)
            element(&p, i, j);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
    cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
    cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int wanted,
    cublasLtMatmulHeuristicResult_t result[], int *found)
{
    struct product p = {.desc = *desc, .a_is = *a, .b_is = *b, .c_is = *c,
                        .d_is = *d};

    *found = 0;
    if (!fits(&p) || wanted < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    memset(result, 0, sizeof *result);
    result->workspaceSize = preference->workspace < 256
                                ? preference->workspace
                                : 256;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

/* What a preference takes for granted that does not say less. */
static bool is_aligned(const void *at)
{
    return (uintptr_t)at % 256 == 0;
}

cublasStatus_t cublasLtMatmul(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha,
    const void *a, cublasLtMatrixLayout_t a_is, const void *b,
    cublasLtMatrixLayout_t b_is, const void *beta, const void *c,
    cublasLtMatrixLayout_t c_is, void *d, cublasLtMatrixLayout_t d_is,
    const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_size,
    cudaStream_t stream)
{
    struct product p = {.desc = *desc, .a_is = *a_is, .b_is = *b_is,
                        .c_is = *c_is, .d_is = *d_is, .a = a, .b = b, .c = c,
                        .d = d, .alpha = *(const float *)alpha,
                        .beta = *(const float *)beta};
    struct fake_launch launch = {.call = run, .x = 1, .y = 1, .threads = 1};

    if (!handle || !fits(&p) || (workspace_size && !workspace) ||
        !is_aligned(a) || !is_aligned(b) || !is_aligned(c) || !is_aligned(d))
        return CUBLAS_STATUS_INVALID_VALUE;
    return fake_cuda_launch(&launch, &p, sizeof p, stream)
               ? CUBLAS_STATUS_EXECUTION_FAILED
               : CUBLAS_STATUS_SUCCESS;
}
