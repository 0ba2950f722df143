/* What a fallible function says. Outputs are written only on RP_OK; the
 * place that knows the reason logs it, once (log.h). */
#ifndef RP_STATUS_H
#define RP_STATUS_H

enum rp_code {
    RP_OK = 0,
    RP_EARG,    /* a caller or user gave something that cannot be meant */
    RP_EMEM,    /* out of memory */
    RP_EIO,     /* a file or device failed; errno was logged */
    RP_EFORMAT, /* input from outside is not what it should be */
    RP_ENONE,   /* the thing asked for is not here (port, engine, preset) */
    RP_ECANCEL, /* cancelled on request */
    RP_ELOST,   /* a device failed for good; what used it is to be replaced */
    RP_CODES
};

typedef enum rp_code rp_status;
#define RP_MUST __attribute__((warn_unused_result))

/* Before the return type: bounded, no allocation, lock, blocking call, log or
 * page fault. clang >= 20 checks it. */
#if defined(__clang__) && __clang_major__ >= 20
#define RP_RT __attribute__((nonblocking))
#else
#define RP_RT
#endif

#endif
