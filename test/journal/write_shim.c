/* Sees every write, sync and truncation of the files below one folder, and kills, fails or records at will.
 *
 * Preloaded before libc. A process arms it by shim_arm(); nothing happens before. Shared memory (-shm) is left
 * alone: it does not outlive the processes that map it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum mode { OFF, KILL_BEFORE, KILL_WITHIN, FAIL, RECORD };
enum op { WRITE = 1, SYNC, TRUNCATE, MARK };

static char folder[4096];
static enum mode mode = OFF;
static long at, count;
static int failure, record_fd = -1;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);

__attribute__((constructor)) static void find(void)
{
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
}

void shim_arm(const char *where, int what, long when, int error, int fd)
{
    snprintf(folder, sizeof folder, "%s", where);
    at = when;
    count = 0;
    failure = error;
    record_fd = fd;
    mode = what;
}

long shim_count(void) { return count; }

static int ends(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* Returns the file's number, or -1 if it is none of ours. While recording, only what is there from the beginning
 * and what SQLite makes beside it counts: 0 is the database, 1 its write-ahead log. */
static int file_of(int fd)
{
    char link[64], path[4096];
    ssize_t length;
    if (mode == OFF)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return -1;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) != 0 || ends(path, "-shm") || ends(path, ".lock"))
        return -1;
    if (ends(path, "/state.sqlite"))
        return 0;
    if (ends(path, "/state.sqlite-wal"))
        return 1;
    return mode == RECORD ? -1 : 2;
}

static void record(int op, int file, int64_t offset, const void *data, int64_t length)
{
    int32_t kind[2] = {op, file};
    int64_t where[2] = {offset, length};
    real_write(record_fd, kind, sizeof kind);
    real_write(record_fd, where, sizeof where);
    if (data)
        real_write(record_fd, data, length);
}

void shim_mark(long number)
{
    if (mode == RECORD)
        record(MARK, 0, number, NULL, 0);
}

/* Returns whether the call is to fail. */
static int event(int op, int file, int64_t offset, const void *data, int64_t length, int fd)
{
    if (mode == RECORD) {
        record(op, file, offset, data, length);
        return 0;
    }
    count++;
    if (count < at)
        return 0;
    if (mode == FAIL) {
        errno = failure;
        return 1;
    }
    if (mode == KILL_WITHIN && op == WRITE)
        real_pwrite(fd, data, length / 2, offset);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset)
{
    int file = file_of(fd);
    if (file >= 0 && event(WRITE, file, offset, data, length, fd))
        return -1;
    return real_pwrite(fd, data, length, offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return pwrite64(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length)
{
    int file = file_of(fd);
    if (file >= 0 && event(WRITE, file, lseek(fd, 0, SEEK_CUR), data, length, fd))
        return -1;
    return real_write(fd, data, length);
}

int fsync(int fd)
{
    int file = file_of(fd);
    return file >= 0 && event(SYNC, file, 0, NULL, 0, fd) ? -1 : real_fsync(fd);
}

int fdatasync(int fd)
{
    int file = file_of(fd);
    return file >= 0 && event(SYNC, file, 0, NULL, 0, fd) ? -1 : real_fdatasync(fd);
}

int ftruncate64(int fd, off_t length)
{
    int file = file_of(fd);
    return file >= 0 && event(TRUNCATE, file, length, NULL, 0, fd) ? -1 : real_ftruncate(fd, length);
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}
