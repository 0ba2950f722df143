/* TSAN: whether this is built with ThreadSanitizer, to which the fake device's
 * fibers are unknown. */
#ifndef RP_TEST_TSAN_H
#define RP_TEST_TSAN_H

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif

#endif
