/* What model/net/bench_card.c asks of a card. */
#include <stdio.h>

int fake_nvml_open; /* nvmlInit without nvmlShutdown */
static int card;

int nvmlInit_v2(void)
{
    fake_nvml_open++;
    return 0;
}

int nvmlShutdown(void)
{
    fake_nvml_open--;
    return 0;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    snprintf(version, length, "580.99");
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = &card;
    return index ? 2 : 0;
}

/* 1: of the multiprocessors, 2: of the memory. */
int nvmlDeviceGetClockInfo(void *device, int type, unsigned *mhz)
{
    *mhz = type == 1 ? 1755 : type == 2 ? 3201 : 0;
    return device == &card ? 0 : 2;
}

int nvmlDeviceGetMaxClockInfo(void *device, int type, unsigned *mhz)
{
    *mhz = type == 1 ? 1980 : 0;
    return device == &card ? 0 : 2;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts)
{
    *milliwatts = 345678;
    return device == &card ? 0 : 2;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *degrees)
{
    *degrees = 41;
    return device == &card && sensor == 0 ? 0 : 2;
}
