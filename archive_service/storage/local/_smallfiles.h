/* How small files are looked at and read: what needs no interpreter, and runs without its lock. */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __APPLE__
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* As in `open_beneath`. */
#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OPEN_ROOT (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define PASS_DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What a listing says of a file: a row of `stat_record`. */
struct row {
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns;
    uint64_t inode;
    uint64_t mode;
};

struct job {
    const char *path; /* in the album */
    size_t parent;    /* the length of what stands before the name */
    char *place;      /* room for the listed size */
    int64_t young_from_ns; /* files that changed since may be uploads, with zeros or holes */
    struct row listed;
};

/* Return whether the time is valid and fits into 64 bits, which end in the year 2262. */
static int
to_nanoseconds(struct timespec time, int64_t *nanoseconds)
{
    const int64_t limit = INT64_MAX / 1000000000;
    *nanoseconds = (int64_t)((uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec);
    return -limit < time.tv_sec && time.tv_sec < limit && 0 <= time.tv_nsec &&
           time.tv_nsec < 1000000000;
}

/* Return whether all values fit into the row. */
static int
to_row(const struct stat *status, struct row *row)
{
    row->size = (uint64_t)status->st_size;
    row->inode = (uint64_t)status->st_ino;
    row->mode = (uint64_t)status->st_mode;
    return status->st_size >= 0 && to_nanoseconds(status->st_mtim, &row->mtime_ns) &&
           to_nanoseconds(status->st_ctim, &row->ctime_ns);
}

static int
is_as_listed(const struct stat *status, const struct row *listed)
{
    struct row found;
    return S_ISREG(status->st_mode) && to_row(status, &found) && found.size == listed->size &&
           found.mtime_ns == listed->mtime_ns && found.ctime_ns == listed->ctime_ns &&
           found.inode == listed->inode;
}

/* Return a descriptor of the directory at a path beneath another, no component of which is followed
   where it is a link, or -1. */
static int
opened_to_pass(int directory, const char *path, size_t length)
{
    const char *end = path + length;
    char name[NAME_MAX + 1];
    int descriptor = directory;
    while (path < end && descriptor >= 0) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t count = (size_t)((slash ? slash : end) - path);
        int above = descriptor;
        if (count) {
            descriptor = -1;
            if (count <= NAME_MAX) {
                memcpy(name, path, count);
                name[count] = '\0';
                descriptor = openat(above, name, PASS_DIRECTORY);
            }
            if (above != directory)
                close(above);
        }
        path += count + 1;
    }
    return descriptor == directory ? openat(directory, ".", PASS_DIRECTORY) : descriptor;
}

/* Read a file from its start without waiting: only if all of it is in memory. */
static ssize_t
read_cached(int descriptor, void *place, size_t size)
{
#ifdef RWF_NOWAIT
    const struct iovec whole = {.iov_base = place, .iov_len = size};
    return preadv2(descriptor, &whole, 1, 0, RWF_NOWAIT);
#else
    (void)descriptor;
    (void)place;
    (void)size;
    return -1;
#endif
}

/* Return whether the whole file was read and, after its last byte, found to be what was listed. */
static int
read_with(ssize_t (*call)(int, void *, size_t), int directory, const struct job *job)
{
    struct stat status;
    int descriptor = openat(directory, job->path + job->parent, OPEN_FILE);
    if (descriptor < 0)
        return 0;
    int is_good = call(descriptor, job->place, job->listed.size) == (ssize_t)job->listed.size &&
                  fstat(descriptor, &status) == 0 && is_as_listed(&status, &job->listed);
    close(descriptor);
    return is_good;
}

static int
read_file(int directory, const struct job *job)
{
    return read_with(read, directory, job);
}

static int
read_cached_file(int directory, const struct job *job)
{
    return read_with(read_cached, directory, job);
}

/* Return whether a part of a file was never written. */
static int
has_hole(int descriptor, uint64_t size)
{
#ifdef SEEK_HOLE
    off_t hole = lseek(descriptor, 0, SEEK_HOLE);
    return hole >= 0 && (uint64_t)hole < size;
#else
    (void)descriptor;
    (void)size;
    return 0;
#endif
}

/* Return whether a file that changed lately begins with zeros or has holes, as one whose upload has
   yet to write its data does. */
static int
may_be_unfinished(int descriptor, const struct job *job)
{
    static const char zeros[8];
    char start[sizeof zeros];
    if (job->listed.ctime_ns < job->young_from_ns && job->listed.mtime_ns < job->young_from_ns)
        return 0;
    ssize_t count = pread(descriptor, start, sizeof start, 0);
    return count < 0 || (count > 0 && memcmp(start, zeros, (size_t)count) == 0) ||
           has_hole(descriptor, job->listed.size);
}

/* Return whether, by a lease, no program has the file open for writing, and it is as listed. */
static int
is_unwritten(int directory, const struct job *job)
{
#if defined F_SETLEASE && defined F_SETSIG
    struct stat status;
    int descriptor = openat(directory, job->path + job->parent, OPEN_FILE);
    if (descriptor < 0)
        return 0;
    /* SIGURG is ignored unless handled; the default of a lease that is broken, SIGIO, kills. */
    int is_good = fcntl(descriptor, F_SETSIG, SIGURG) == 0 &&
                  fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0 &&
                  fcntl(descriptor, F_SETLEASE, F_UNLCK) == 0 &&
                  fstat(descriptor, &status) == 0 && is_as_listed(&status, &job->listed) &&
                  !may_be_unfinished(descriptor, job);
    close(descriptor);
    return is_good;
#else
    (void)directory;
    (void)job;
    return 0;
#endif
}

/* Do something with files, up to the first for which it fails; return for how many it was done.
   A directory is opened once for files in a row. */
static ssize_t
do_in_album(int (*action)(int, const struct job *), int album, const struct job *jobs,
            ssize_t count)
{
    ssize_t good = 0;
    int directory = -1;
    const struct job *first = NULL; /* of those in the directory */
    for (const struct job *job = jobs; good < count; good++, job++) {
        if (!job->path[job->parent])
            continue; /* a directory */
        if (!first || job->parent != first->parent ||
            memcmp(job->path, first->path, job->parent) != 0) {
            if (directory >= 0)
                close(directory);
            directory = opened_to_pass(album, job->path, job->parent);
            first = job;
        }
        if (directory < 0 || !action(directory, job))
            break;
    }
    if (directory >= 0)
        close(directory);
    return good;
}
