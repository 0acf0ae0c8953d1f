/* What is done to many files in one call.

   Small files are looked at or read without the interpreter's lock: five system calls list and read
   one, and from Python each costs as much again in the interpreter, under its lock.

   This module is optional: without it the same is done in Python, file by file and in threads.  So
   it has no errors of its own.  It stops at the first file for which anything is out of the
   ordinary, and the caller finds out what.  */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Change tokens are compared in place: for little-endian machines only."
#endif

#ifdef __APPLE__
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* As in `local` and in `beneath`. */
#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OPEN_ROOT (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define PASS_DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What a listing says of a file: the rows of `Walk` in Python. */
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
    int64_t young_from_ns; /* files that changed since may be uploads, full of zeros */
    struct row listed;
};

/* Return whether the time can be told in 64 bits, which ends in the year 2262, and is one. */
static int
to_nanoseconds(struct timespec time, int64_t *nanoseconds)
{
    const int64_t limit = INT64_MAX / 1000000000;
    *nanoseconds = (int64_t)((uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec);
    return -limit < time.tv_sec && time.tv_sec < limit && 0 <= time.tv_nsec &&
           time.tv_nsec < 1000000000;
}

/* Return whether all of the row could be told. */
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
    int descriptor = openat(directory, ".", PASS_DIRECTORY);
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
            close(above);
        }
        path += count + 1;
    }
    return descriptor;
}

/* Return whether the whole file was read and, after its last byte, found to be what was listed. */
static int
read_file(int directory, const struct job *job)
{
    struct stat status;
    int descriptor = openat(directory, job->path + job->parent, OPEN_FILE);
    if (descriptor < 0)
        return 0;
    int is_good = read(descriptor, job->place, job->listed.size) == (ssize_t)job->listed.size &&
                  fstat(descriptor, &status) == 0 && is_as_listed(&status, &job->listed);
    close(descriptor);
    return is_good;
}

/* Return whether a file that changed lately begins with zeros, as one whose upload has yet to write
   its data does. */
static int
may_be_zeros(int descriptor, const struct job *job)
{
    static const char zeros[8];
    char start[sizeof zeros];
    if (job->listed.ctime_ns < job->young_from_ns && job->listed.mtime_ns < job->young_from_ns)
        return 0;
    ssize_t count = pread(descriptor, start, sizeof start, 0);
    return count < 0 || (count > 0 && memcmp(start, zeros, (size_t)count) == 0);
}

/* Return whether no program has the file open for writing, by a lease, and it is what was listed. */
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
                  !may_be_zeros(descriptor, job);
    close(descriptor);
    return is_good;
#else
    (void)directory;
    (void)job;
    return 0;
#endif
}

/* Return with how many of the first files something was done, each directory opened once for those
   in a row. */
static Py_ssize_t
do_in_album(int (*action)(int, const struct job *), int album, const struct job *jobs,
            Py_ssize_t count)
{
    Py_ssize_t good = 0;
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

/* Files of a listing, and where they are to be read to if they are. */
struct request {
    const char *root;
    Py_buffer album, sources, positions, sizes, mtimes_ns, change_tokens, buffer;
    PyObject *paths;
    int64_t young_from_ns;
    int (*action)(int, const struct job *);
};

/* Return whether all columns are of one length, or else set an error. */
static int
has_columns(const struct request *request)
{
    Py_ssize_t listed = PyList_GET_SIZE(request->paths);
    if (request->sizes.len / 8 == listed && request->mtimes_ns.len / 8 == listed &&
        request->change_tokens.len / 16 == listed)
        return 1;
    PyErr_SetString(PyExc_ValueError, "columns of different lengths");
    return 0;
}

/* Fill a job with what is listed of the source at an index; return whether that could be done, or
   else set an error. */
static int
to_job(const struct request *request, Py_ssize_t index, struct job *job)
{
    unsigned long at = ((const unsigned long *)request->sources.buf)[index];
    if (at >= (unsigned long)PyList_GET_SIZE(request->paths)) {
        PyErr_SetString(PyExc_IndexError, "no such source");
        return 0;
    }
    PyObject *path = PyList_GET_ITEM(request->paths, at);
    if (!PyBytes_Check(path)) {
        PyErr_SetString(PyExc_TypeError, "paths are bytes");
        return 0;
    }
    job->path = PyBytes_AS_STRING(path);
    job->young_from_ns = request->young_from_ns;
    for (job->parent = (size_t)PyBytes_GET_SIZE(path);
         job->parent > 0 && job->path[job->parent - 1] != '/'; job->parent--)
        ;
    job->listed.size = ((const uint64_t *)request->sizes.buf)[at];
    job->listed.mtime_ns = ((const int64_t *)request->mtimes_ns.buf)[at];
    const char *token = (const char *)request->change_tokens.buf + at * 16;
    memcpy(&job->listed.ctime_ns, token, 8);
    memcpy(&job->listed.inode, token + 8, 8);
    return 1;
}

/* Give the jobs their places in the buffer; return whether there is room, or else set an error. */
static int
to_places(const struct request *request, struct job *jobs, Py_ssize_t count)
{
    const uint64_t *positions = request->positions.buf;
    uint64_t room = (uint64_t)request->buffer.len;
    if (request->positions.len / 8 != count) {
        PyErr_SetString(PyExc_ValueError, "sources and positions of different lengths");
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (jobs[i].listed.size > room || positions[i] > room - jobs[i].listed.size) {
            PyErr_SetString(PyExc_IndexError, "no room in the buffer");
            return 0;
        }
        jobs[i].place = (char *)request->buffer.buf + positions[i];
    }
    return 1;
}

/* Fill the jobs; return whether that could be done, or else set an error. */
static int
prepare(const struct request *request, struct job *jobs, Py_ssize_t count)
{
    if (!has_columns(request))
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!to_job(request, i, &jobs[i]))
            return 0;
    return !request->buffer.obj || to_places(request, jobs, count);
}

static PyObject *
do_in_order(const struct request *request)
{
    Py_ssize_t count = request->sources.len / (Py_ssize_t)sizeof(unsigned long), good = 0;
    struct job *jobs = PyMem_Calloc((size_t)count + 1, sizeof *jobs);
    if (!jobs)
        return PyErr_NoMemory();
    int is_prepared = prepare(request, jobs, count);
    if (is_prepared) {
        Py_BEGIN_ALLOW_THREADS
        int root = open(request->root, OPEN_ROOT);
        int album = opened_to_pass(root, request->album.buf, (size_t)request->album.len);
        if (album >= 0) {
            good = do_in_album(request->action, album, jobs, count);
            close(album);
        }
        if (root >= 0)
            close(root);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(jobs);
    return is_prepared ? PyLong_FromSsize_t(good) : NULL;
}

static PyObject *
release(struct request *request, PyObject *result)
{
    PyBuffer_Release(&request->album);
    PyBuffer_Release(&request->sources);
    PyBuffer_Release(&request->sizes);
    PyBuffer_Release(&request->mtimes_ns);
    PyBuffer_Release(&request->change_tokens);
    PyBuffer_Release(&request->buffer);
    PyBuffer_Release(&request->positions);
    return result;
}

static PyObject *
read_files(PyObject *module, PyObject *arguments)
{
    struct request request = {.action = read_file};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "yy*O!y*(y*y*y*)w*y*", &request.root, &request.album,
                          &PyList_Type, &request.paths, &request.sources, &request.sizes,
                          &request.mtimes_ns, &request.change_tokens, &request.buffer,
                          &request.positions))
        return NULL;
    return release(&request, do_in_order(&request));
}

static PyObject *
unwritten_files(PyObject *module, PyObject *arguments)
{
    struct request request = {.action = is_unwritten};
    (void)module;
    long long young_from_ns;
    if (!PyArg_ParseTuple(arguments, "yy*O!y*(y*y*y*)L", &request.root, &request.album,
                          &PyList_Type, &request.paths, &request.sources, &request.sizes,
                          &request.mtimes_ns, &request.change_tokens, &young_from_ns))
        return NULL;
    request.young_from_ns = young_from_ns;
    return release(&request, do_in_order(&request));
}

static PyObject *
stat_files(PyObject *module, PyObject *arguments)
{
    int directory;
    PyObject *names;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "iO!", &directory, &PyList_Type, &names))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(names), good = 0;
    const char **texts = PyMem_Calloc((size_t)count + 1, sizeof *texts);
    PyObject *rows = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(struct row));
    if (!texts)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; texts && rows && i < count; i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        if (!PyBytes_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "names are bytes");
            Py_CLEAR(rows);
        } else
            texts[i] = PyBytes_AS_STRING(name);
    }
    if (texts && rows) {
        char *row = PyBytes_AS_STRING(rows);
        Py_BEGIN_ALLOW_THREADS
        for (struct stat status; good < count; good++, row += sizeof(struct row)) {
            struct row found;
            if (fstatat(directory, texts[good], &status, AT_SYMLINK_NOFOLLOW) != 0 ||
                !to_row(&status, &found))
                break;
            memcpy(row, &found, sizeof found);
        }
        Py_END_ALLOW_THREADS
        if (good < count)
            _PyBytes_Resize(&rows, good * (Py_ssize_t)sizeof(struct row));
    } else
        Py_CLEAR(rows);
    PyMem_Free(texts);
    return rows;
}

PyDoc_STRVAR(stat_files_doc,
             "stat_files(directory, names)\n--\n\n"
             "Return the rows of the first of the names, up to one that can't be told."
             "\n\nA row is size, mtime, ctime, inode and mode, 64 bits each; see `Walk`.");

PyDoc_STRVAR(read_files_doc,
             "read_files(root, album, paths, sources, columns, buffer, positions)\n--\n\n"
             "Read the first of the sources, as far as they are as listed."
             "\n\nReturn how many.  Each is read to its position in the buffer.  The paths are"
             "\nbeneath `album`, and that beneath `root`, which alone may be a link.  `columns` are"
             "\nthe sizes, mtimes and change tokens of the listing.");

PyDoc_STRVAR(unwritten_files_doc,
             "unwritten_files(root, album, paths, sources, columns, young_from_ns)\n--\n\n"
             "Look at the first of the sources, as far as no program has them open for writing,"
             "\nthey are as listed, and those that changed since `young_from_ns` do not begin with"
             "\nzeros."
             "\n\nReturn how many.  Leases show it, which not all users may take.");

static PyMethodDef methods[] = {
    {"stat_files", stat_files, METH_VARARGS, stat_files_doc},
    {"read_files", read_files, METH_VARARGS, read_files_doc},
    {"unwritten_files", unwritten_files, METH_VARARGS, unwritten_files_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_smallfiles", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__smallfiles(void)
{
    return PyModule_Create(&definition);
}
