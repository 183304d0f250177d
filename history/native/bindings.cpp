// The only file of history/native that knows Python.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "Native part of history."; }
