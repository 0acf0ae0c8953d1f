/* What is done to many files in one call.

   Small files are looked at or read without the interpreter's lock: five system calls list and read
   one, and from Python each costs as much again in the interpreter, under its lock.

   This module is optional: without it the same is done in Python, file by file and in threads.  So
   it has no errors of its own.  It stops at the first file for which anything is out of the
   ordinary, and the caller finds out what.  */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_smallfiles.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Change tokens are compared in place: for little-endian machines only."
#endif

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
read_by(int (*action)(int, const struct job *), PyObject *arguments)
{
    struct request request = {.action = action};
    if (!PyArg_ParseTuple(arguments, "yy*O!y*(y*y*y*)w*y*", &request.root, &request.album,
                          &PyList_Type, &request.paths, &request.sources, &request.sizes,
                          &request.mtimes_ns, &request.change_tokens, &request.buffer,
                          &request.positions))
        return NULL;
    return release(&request, do_in_order(&request));
}

static PyObject *
read_files(PyObject *module, PyObject *arguments)
{
    (void)module;
    return read_by(read_file, arguments);
}

static PyObject *
read_cached_files(PyObject *module, PyObject *arguments)
{
    (void)module;
    return read_by(read_cached_file, arguments);
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
             "Return the rows of the first of the names, up to one whose values don't fit."
             "\n\nA row is size, mtime, ctime, inode and mode, 64 bits each; see `stat_record`.");

PyDoc_STRVAR(read_files_doc,
             "read_files(root, album, paths, sources, columns, buffer, positions)\n--\n\n"
             "Read the first of the sources, as far as they are as listed."
             "\n\nReturn how many.  Each is read to its position in the buffer.  The paths are"
             "\nbeneath `album`, and that beneath `root`, which alone may be a link.  `columns` are"
             "\nthe sizes, mtimes and change tokens of the listing.");

PyDoc_STRVAR(read_cached_files_doc,
             "read_cached_files(root, album, paths, sources, columns, buffer, positions)\n--\n\n"
             "Do the same as `read_files` without waiting for a disk, up to a file that is not"
             "\nin memory, or of a file system that can't tell.");

PyDoc_STRVAR(unwritten_files_doc,
             "unwritten_files(root, album, paths, sources, columns, young_from_ns)\n--\n\n"
             "Look at the first of the sources, as far as no program has them open for writing,"
             "\nthey are as listed, and those that changed since `young_from_ns` neither begin"
             "\nwith zeros nor have holes."
             "\n\nReturn how many.  Leases show it, which not all users may take.");

static PyMethodDef methods[] = {
    {"stat_files", stat_files, METH_VARARGS, stat_files_doc},
    {"read_files", read_files, METH_VARARGS, read_files_doc},
    {"read_cached_files", read_cached_files, METH_VARARGS, read_cached_files_doc},
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
