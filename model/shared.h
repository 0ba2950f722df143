/* RP_SHARED before a public function of a module that a GPU runs, too: the
 * CUDA module compiles the same source for the device (cuda/shared.cuh), where
 * the word means that. Such a source calls nothing but other shared functions,
 * memset and memcpy, and keeps no variable but constant tables.
 *
 * There the 32 threads of a warp call these functions together, with the same
 * arguments, and get the same results. Long loops are shared out: each thread
 * takes turns RP_FIRST, RP_FIRST + RP_STEP, .. and rp_all_or() and
 * rp_all_max() put together what they found, so no return may stand in such a
 * loop. A thing that each thread has for itself (a drawing, a draft) is
 * changed by all of them alike; what they have in common (a reader, a turn)
 * by the one for which RP_WRITES holds, between two meetings: before the
 * first others may still read it, after the second all see the new. On the
 * CPU one thread does it all, and none of this costs anything. */
#ifndef RP_SHARED
#define RP_SHARED
#define RP_FIRST 0u
#define RP_STEP 1u
#define RP_UNROLL /* the loop that follows, over blocks of a table */
#define RP_WRITES true
#define rp_meet() ((void)0)
#define rp_all_or(bits) (bits)      /* uint64_t */
#define rp_all_max(number) (number) /* uint32_t */
#define rp_lowest(bits) ((uint32_t)__builtin_ctzll(bits)) /* of any */
#endif
