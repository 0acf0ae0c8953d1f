/* A read-only view of a directory in which every operation takes a fixed time.
 *
 *     delayed_fs MOUNTPOINT SOURCE MICROSECONDS [OPERATION=MICROSECONDS ...] [FUSE OPTIONS]
 *     cc -O2 -o delayed_fs delayed_fs.c $(pkg-config fuse3 --cflags --libs)
 *
 * The delay is the only cost: each request has a thread of its own, and data is not copied.  As on a
 * network file system, names of one directory are looked up at the same time.
 * The delays of single operations (getattr, readdir, open, read, statfs) hold from SIGUSR1 on.  At
 * the end it prints how many there were of each.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CACHED_S 1.0 /* attributes and entries, as network file systems have it */
#define AT_ONCE 64   /* reads ahead of the kernel; its default is 12 */

enum operation { GETATTR, READDIR, OPEN, READ, STATFS, OPERATIONS };

static const char *const names[OPERATIONS] = {"getattr", "readdir", "open", "read", "statfs"};
static int source = -1;
static struct timespec delay, later_delays[OPERATIONS];
static atomic_bool is_later;
static atomic_long counts[OPERATIONS];

static void begin_later(int number)
{
    (void)number;
    is_later = 1;
}

static struct timespec of_microseconds(long microseconds)
{
    return (struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000};
}

/* Take OPERATION=MICROSECONDS; return whether it is one. */
static int take_later_delay(const char *argument)
{
    const char *value = strchr(argument, '=');
    for (int i = 0; value && i < OPERATIONS; i++)
        if (strlen(names[i]) == (size_t)(value - argument) &&
            !strncmp(names[i], argument, value - argument)) {
            later_delays[i] = of_microseconds(strtol(value + 1, NULL, 10));
            return 1;
        }
    return 0;
}

/* Wait, then return the path as `openat` takes it. */
static const char *after_delay(enum operation operation, const char *path)
{
    counts[operation]++;
    nanosleep(is_later ? &later_delays[operation] : &delay, NULL);
    return path[1] ? path + 1 : ".";
}

static int fs_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
    (void)file;
    return fstatat(source, after_delay(GETATTR, path), status, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    (void)offset, (void)file, (void)flags;
    int descriptor = openat(source, after_delay(READDIR, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!directory)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory));)
        fill(buffer, entry->d_name, NULL, 0, 0);
    closedir(directory);
    return 0;
}

static int fs_open(const char *path, struct fuse_file_info *file)
{
    int descriptor = openat(source, after_delay(OPEN, path), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    file->fh = descriptor;
    return 0;
}

static int fs_read(const char *path, struct fuse_bufvec **data, size_t count, off_t offset,
                   struct fuse_file_info *file)
{
    after_delay(READ, path);
    struct fuse_bufvec *found = malloc(sizeof *found);
    if (!found)
        return -ENOMEM;
    *found = FUSE_BUFVEC_INIT(count);
    found->buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    found->buf[0].fd = file->fh;
    found->buf[0].pos = offset;
    *data = found;
    return 0;
}

static int fs_statfs(const char *path, struct statvfs *status)
{
    after_delay(STATFS, path);
    return fstatvfs(source, status) ? -errno : 0;
}

static int fs_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    close(file->fh);
    return 0;
}

/* libfuse 3.14 does not pass FUSE_CAP_PARALLEL_DIROPS on to the kernel, so add it to the first answer;
 * this definition comes before the C library's. */
ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    static atomic_bool is_answered;
    if (!is_answered && count == 2 && parts[1].iov_len >= offsetof(struct fuse_init_out, time_gran)) {
        is_answered = 1;
        ((struct fuse_init_out *)parts[1].iov_base)->flags |= FUSE_PARALLEL_DIROPS;
    }
    return syscall(SYS_writev, descriptor, parts, count);
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    connection->max_background = connection->congestion_threshold = AT_ONCE;
    config->use_ino = 1;
    config->kernel_cache = 0;
    config->attr_timeout = config->entry_timeout = CACHED_S;
    return NULL;
}

static void fs_destroy(void *data)
{
    (void)data;
    for (int i = 0; i < OPERATIONS; i++)
        printf("%s %ld\n", names[i], counts[i]);
}

static const struct fuse_operations operations = {
    .getattr = fs_getattr,
    .readdir = fs_readdir,
    .open = fs_open,
    .read_buf = fs_read,
    .statfs = fs_statfs,
    .release = fs_release,
    .init = fs_init,
    .destroy = fs_destroy,
};

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: delayed_fs MOUNTPOINT SOURCE MICROSECONDS "
                        "[OPERATION=MICROSECONDS ...] [FUSE OPTIONS]\n");
        return 2;
    }
    delay = of_microseconds(strtol(arguments[3], NULL, 10));
    int taken = 4;
    for (int i = 0; i < OPERATIONS; i++)
        later_delays[i] = delay;
    while (taken < count && take_later_delay(arguments[taken]))
        taken++;
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = begin_later, .sa_flags = SA_RESTART}, NULL);
    source = open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0) {
        perror(arguments[2]);
        return 1;
    }
    char *given[count];
    int left = 0;
    given[left++] = arguments[0];
    given[left++] = arguments[1];
    for (int i = taken; i < count; i++)
        given[left++] = arguments[i];
    given[left] = NULL;
    return fuse_main(left, given, &operations, NULL);
}
