/* RP_SHARED before a public function of a module that a GPU runs, too: the
 * CUDA module compiles the same source for the device (cuda/shared.cuh), where
 * the word means that. Such a source calls nothing but other shared functions,
 * memset and memcpy, and keeps no variable but constant tables. */
#ifndef RP_SHARED
#define RP_SHARED
#endif
