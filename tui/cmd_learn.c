#include <stdio.h>
#include <string.h>

#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/learn.h"

struct wish {
    struct rp_texts forget;
    bool json;
};

static const struct rp_option options[] = {
    {"forget", "CC|KNOB", "no longer; may be given again", RP_OPTION_TEXTS,
     offsetof(struct wish, forget)},
    {"json", NULL, "print a JSON array", RP_OPTION_FLAG,
     offsetof(struct wish, json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "learn",
    .args = "['CC=KNOB ...']...",
    .about = "Which controllers turn which knobs: prints what is kept in the "
             "user's learn.ini,\nafter adding, such as 'cc21=temperature "
             "0.5..1.5 exp', and forgetting.",
    .most_args = 1000,
    .options = options,
};

static rp_status change(struct rp_learn *learn, const struct wish *wish,
                        const struct rp_texts *lines)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < wish->forget.count && status == RP_OK; i++) {
        status = rp_learn_forget(learn, wish->forget.text[i]);
    }
    for (uint32_t i = 0; i < lines->count && status == RP_OK; i++) {
        struct rp_mapping mapping;
        char why[512];

        status = rp_mapping_read_line(lines->text[i], &mapping, why,
                                      sizeof(why));
        if (status == RP_OK) {
            status = rp_learn_add(learn, &mapping);
        } else {
            rp_log(RP_ERROR, "learn", "'%s': %s", lines->text[i], why);
        }
    }
    return status;
}

static void print(const struct rp_learn *learn, bool json)
{
    char controller[16], knob[160];

    for (uint32_t i = 0; i < learn->maps[RP_LEARN_USER]; i++) {
        const struct rp_mapping *mapping =
            &learn->map[RP_LEARN_USER][i].mapping;

        rp_mapping_print_controller(mapping, controller, sizeof(controller));
        rp_mapping_print(mapping, knob, sizeof(knob));
        if (json) {
            printf("%s{\"control\": \"%s\", \"knob\": \"%s\", "
                   "\"text\": \"%s\"}",
                   i ? ",\n " : "[", controller, rp_knob_name(mapping->knob),
                   knob);
        } else {
            printf("%-8s = %s\n", controller, knob);
        }
    }
    if (json) {
        printf("%s]\n", learn->maps[RP_LEARN_USER] ? "" : "[");
    } else if (!learn->maps[RP_LEARN_USER]) {
        printf("nothing is learned yet%s%s\n",
               *learn->path ? "; it goes to " : "", learn->path);
    }
}

int rp_cmd_learn(int argc, char **argv)
{
    static struct rp_learn learn; /* no stack's size */
    static struct rp_knobs knobs;
    struct wish wish = {0};
    struct rp_texts lines = {0};
    char path[PATH_MAX];
    int exit_code = rp_cli_parse(&cli, argc, argv, &wish, &lines);

    if (exit_code < 0) {
        rp_status status;

        rp_knobs_init(&knobs);
        rp_learn_init(&learn, &knobs);
        rp_learn_place(path, sizeof(path));
        status = rp_learn_open(&learn, path);
        if (status == RP_OK && !*path && (wish.forget.count || lines.count)) {
            rp_log(RP_ERROR, "learn", "nowhere to keep it: neither "
                                      "XDG_CONFIG_HOME nor HOME is set");
            status = RP_EIO;
        }
        if (status == RP_OK) {
            status = change(&learn, &wish, &lines);
        }
        if (status == RP_OK) {
            print(&learn, wish.json);
        }
        exit_code = rp_exit_code(status);
    }
    rp_texts_fini(&lines);
    rp_texts_fini(&wish.forget);
    return exit_code;
}
