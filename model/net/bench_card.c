#include "model/net/bench_card.h"

#include <dlfcn.h>
#include <stdio.h>

/* The part of nvml.h that is used, so that it need not be there: all of them
 * return 0 for success, and are in every version since 2012. */
enum { CLOCK_SM = 1, CLOCK_MEMORY = 2, TEMPERATURE_GPU = 0 };
struct card {
    int (*init)(void);
    int (*shutdown)(void);
    int (*driver)(char *version, unsigned length);
    int (*device)(unsigned index, void **device);
    int (*clock)(void *device, int type, unsigned *mhz);
    int (*most)(void *device, int type, unsigned *mhz);
    int (*power)(void *device, unsigned *milliwatts);
    int (*temperature)(void *device, int sensor, unsigned *degrees);
};

static int find_all(void *so, struct card *card)
{
    const struct {
        const char *name;
        void *to;
    } symbol[] = {
        {"nvmlInit_v2", &card->init},
        {"nvmlShutdown", &card->shutdown},
        {"nvmlSystemGetDriverVersion", &card->driver},
        {"nvmlDeviceGetHandleByIndex_v2", &card->device},
        {"nvmlDeviceGetClockInfo", &card->clock},
        {"nvmlDeviceGetMaxClockInfo", &card->most},
        {"nvmlDeviceGetPowerUsage", &card->power},
        {"nvmlDeviceGetTemperature", &card->temperature},
    };

    for (size_t i = 0; i < sizeof symbol / sizeof *symbol; i++) {
        *(void **)symbol[i].to = dlsym(so, symbol[i].name);
        if (!*(void **)symbol[i].to)
            return -1;
    }
    return 0;
}

/* What cannot be read is 0. */
static void write_all(const struct card *card, void *device, char *text,
                      size_t size)
{
    unsigned sm = 0, memory = 0, most = 0, power = 0, degrees = 0;
    char driver[80] = "unknown";

    (void)card->driver(driver, sizeof driver);
    (void)card->clock(device, CLOCK_SM, &sm);
    (void)card->most(device, CLOCK_SM, &most);
    (void)card->clock(device, CLOCK_MEMORY, &memory);
    (void)card->power(device, &power);
    (void)card->temperature(device, TEMPERATURE_GPU, &degrees);
    snprintf(text, size,
             "driver %s, SM clock %u of %u MHz, memory %u MHz, %u W, %u C",
             driver, sm, most, memory, power / 1000, degrees);
}

void rp_bench_card(char *text, size_t size)
{
    void *so = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    struct card card;
    void *device;

    snprintf(text, size, "clocks unknown: no libnvidia-ml.so.1");
    if (!so)
        return;
    snprintf(text, size, "clocks unknown: libnvidia-ml.so.1 does not answer");
    if (!find_all(so, &card) && !card.init()) {
        if (!card.device(0, &device))
            write_all(&card, device, text, size);
        (void)card.shutdown();
    }
    dlclose(so);
}
