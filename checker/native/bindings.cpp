// Everything of checker/native that Python can see. Each part binds itself in a file of its own,
// `<part>_bindings.cpp`; those and this one are the only files here that know Python.
#include <nanobind/nanobind.h>

void bind_orders(nanobind::module_& m);
void bind_registers(nanobind::module_ &m);
void bind_search(nanobind::module_& m);

NB_MODULE(_native, m) {
  m.doc() = "The native engines of checker.";
  bind_orders(m);
  bind_registers(m);
  bind_search(m);
}
