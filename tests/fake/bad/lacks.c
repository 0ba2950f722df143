/* A module whose library is not installed. */
extern int riposte_library_that_is_not_here(void);
extern int (*const riposte_calls)(void);
int (*const riposte_calls)(void) = riposte_library_that_is_not_here;
