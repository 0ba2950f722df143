/* cuDNN and cuBLASLt, opened when training is asked for: playing does without
 * them. */
#ifndef RP_CUDA_TRAIN_LIBS_H
#define RP_CUDA_TRAIN_LIBS_H

#include <cublasLt.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stddef.h>

#define RP_CUDA_CUDNN(X)                                                       \
    X(cudnnGetVersion)                                                         \
    X(cudnnGetErrorString)                                                     \
    X(cudnnCreate)                                                             \
    X(cudnnDestroy)                                                            \
    X(cudnnSetStream)                                                          \
    X(cudnnCreateTensorDescriptor)                                             \
    X(cudnnDestroyTensorDescriptor)                                            \
    X(cudnnSetTensorNdDescriptor)                                              \
    X(cudnnGetTensorNdDescriptor)                                              \
    X(cudnnCreateDropoutDescriptor)                                            \
    X(cudnnDestroyDropoutDescriptor)                                           \
    X(cudnnSetDropoutDescriptor)                                               \
    X(cudnnCreateRNNDescriptor)                                                \
    X(cudnnDestroyRNNDescriptor)                                               \
    X(cudnnSetRNNDescriptor_v8)                                                \
    X(cudnnCreateRNNDataDescriptor)                                            \
    X(cudnnDestroyRNNDataDescriptor)                                           \
    X(cudnnSetRNNDataDescriptor)                                               \
    X(cudnnGetRNNWeightSpaceSize)                                              \
    X(cudnnGetRNNTempSpaceSizes)                                               \
    X(cudnnGetRNNWeightParams)                                                 \
    X(cudnnRNNForward)                                                         \
    X(cudnnRNNBackwardData_v8)                                                 \
    X(cudnnRNNBackwardWeights_v8)

#define RP_CUDA_CUBLAS(X)                                                      \
    X(cublasLtGetStatusString)                                                 \
    X(cublasLtCreate)                                                          \
    X(cublasLtDestroy)                                                         \
    X(cublasLtMatrixLayoutCreate)                                              \
    X(cublasLtMatrixLayoutDestroy)                                             \
    X(cublasLtMatmulDescCreate)                                                \
    X(cublasLtMatmulDescDestroy)                                               \
    X(cublasLtMatmulDescSetAttribute)                                          \
    X(cublasLtMatmulPreferenceCreate)                                          \
    X(cublasLtMatmulPreferenceDestroy)                                         \
    X(cublasLtMatmulPreferenceSetAttribute)                                    \
    X(cublasLtMatmulAlgoGetHeuristic)                                          \
    X(cublasLtMatmul)

struct rp_cuda_libs {
#define RP_CUDA_MEMBER(name) __typeof__(&name) name;
    RP_CUDA_CUDNN(RP_CUDA_MEMBER)
    RP_CUDA_CUBLAS(RP_CUDA_MEMBER)
#undef RP_CUDA_MEMBER
};

/* Opened once, and never closed. NULL: `why` says what is missing. */
const struct rp_cuda_libs *rp_cuda_libs(char *why, size_t size);

#endif
