/* The call of a take as a file of its own: tracks 0 (the beat) and 1 (what was
 * played) as they are, without the answers.
 *   take_call TAKE.mid CALL.mid */
#include <stdio.h>
#include <string.h>

static unsigned long number(const unsigned char *bytes)
{
    return (unsigned long)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 |
           bytes[3];
}

/* A chunk from one file to the other; 0 when it is not there. */
static int copy_chunk(FILE *in, FILE *out, const char *kind)
{
    unsigned char head[8];
    int byte = 0;

    if (fread(head, 1, 8, in) != 8 || memcmp(head, kind, 4))
        return 0;
    fwrite(head, 1, 8, out);
    for (unsigned long left = number(head + 4); left; left--) {
        if ((byte = getc(in)) == EOF)
            return 0;
        putc(byte, out);
    }
    return 1;
}

int main(int count, char **arg)
{
    FILE *in = count == 3 ? fopen(arg[1], "rb") : NULL;
    FILE *out = in ? fopen(arg[2], "wb+") : NULL;

    if (!out || !copy_chunk(in, out, "MThd") || !copy_chunk(in, out, "MTrk") ||
        !copy_chunk(in, out, "MTrk")) {
        printf("failed: no take with a call in it\n");
        return 1;
    }
    fseek(out, 11, SEEK_SET);
    putc(2, out); /* tracks */
    return fclose(out) != 0;
}
