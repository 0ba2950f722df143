/* All of riposte-cuda.so here is in the libraries that it is linked from. */
typedef int fake_module_is_not_empty;
