#include <stdio.h>

int main(void)
{
    puts("riposte");
    return 0;
}
