#ifndef RESOLVE_LOOP_H
#define RESOLVE_LOOP_H

#include <stddef.h>

/* How many bytes the two files below `root` have; -1: it failed. `inside`: with the opens that a stranger's rootfs needs. */
long floor_read(int root, int inside, char *block, size_t cap);

#endif
