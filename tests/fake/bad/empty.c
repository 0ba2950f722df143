/* A shared object that is no engine module. */
extern const int riposte_nothing;
const int riposte_nothing = 0;
