// The only file of checker/native that knows Python.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "Native part of checker."; }
