/* The commands of `riposte`; the table is in main.c. */
#ifndef RP_CMD_H
#define RP_CMD_H

/* What --backend takes (rt/backend.h). */
#define RP_BACKEND_NAMES "auto|jack|alsa|rtmidi|rtmidi:alsa|rtmidi:jack|null"

struct rp_command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the name; the exit code */
    const char *help;                  /* one line */
};

int rp_cmd_play(int argc, char **argv);
int rp_cmd_generate(int argc, char **argv);
int rp_cmd_learn(int argc, char **argv);
int rp_cmd_ports(int argc, char **argv);
int rp_cmd_presets(int argc, char **argv);
int rp_cmd_engines(int argc, char **argv);
int rp_cmd_bench(int argc, char **argv);
int rp_cmd_prepare(int argc, char **argv);
int rp_cmd_train(int argc, char **argv);
int rp_cmd_eval(int argc, char **argv);
int rp_cmd_encode(int argc, char **argv);

#endif
