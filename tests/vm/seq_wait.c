/* Waits, at most 30 s, for what a test waits for; says so when it does not
 * come. One process, as starting them is what costs in the machine.
 *
 *   seq_wait file PATH WORDS [N] until the file has the words, so often
 *   seq_wait client NAME         until a client of that name has a port */
#include <stdbool.h>
#include <unistd.h>

#include "tests/vm/seq_common.h"

static bool has_words(const char *path, const char *words, int often)
{
    static char text[1 << 20];
    FILE *in = fopen(path, "r");
    size_t size = in ? fread(text, 1, sizeof(text) - 1, in) : 0;

    if (in) {
        fclose(in);
    }
    text[size] = '\0';
    for (const char *at = text; often > 0 && (at = strstr(at, words)); at++) {
        often--;
    }
    return often == 0;
}

static bool has_client(snd_seq_t *seq, const char *name)
{
    snd_seq_client_info_t *info;

    snd_seq_client_info_alloca(&info);
    snd_seq_client_info_set_client(info, -1);
    while (snd_seq_query_next_client(seq, info) == 0) {
        if (!strcmp(snd_seq_client_info_get_name(info), name) &&
            snd_seq_client_info_get_num_ports(info) > 0) {
            return true;
        }
    }
    return false;
}

int main(int count, char **arg)
{
    bool file = count >= 4 && !strcmp(arg[1], "file");
    int often = count > 4 ? atoi(arg[4]) : 1;
    snd_seq_t *seq = file ? NULL : seq_open("seq_wait");

    for (int i = 0; i < 3000; i++) {
        if (file ? has_words(arg[2], arg[3], often) : has_client(seq, arg[2])) {
            return 0;
        }
        usleep(10000);
    }
    printf("failed: %s never had '%s'\n", arg[file ? 2 : 1], arg[file ? 3 : 2]);
    return 1;
}
