// What Python sees of history/native. Only this file and objects.cpp know Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "events.hpp"
#include "finished.hpp"
#include "objects.hpp"
#include "ranks.hpp"

namespace nb = nanobind;

namespace {

template <typename T>
using View = nb::ndarray<nb::memview, T, nb::ndim<1>>;

// The entries of a column, without copying; `owner` lives as long as the view does.
template <typename T>
View<T> view(gong::Column<T> &column, nb::handle owner) {
    static T nothing{};  // an empty memoryview wants an address, too
    return View<T>(column.empty() ? &nothing : column.data(), {column.size()}, owner);
}

template <typename T, gong::Column<T> gong::Columns::*column>
View<T> plain(nb::handle_t<gong::Columns> self) {
    return view(nb::cast<gong::Columns &>(self).*column, self);
}

template <typename T, gong::SparseColumn<T> gong::Columns::*column>
nb::object sparse(nb::handle_t<gong::Columns> self) {
    gong::Column<T> &found = (nb::cast<gong::Columns &>(self).*column).column();
    return found.empty() ? nb::none() : nb::cast(view(found, self));
}

template <typename T, gong::Column<T> gong::Values::*column>
View<T> values(nb::handle_t<gong::Columns> self) {
    return view(nb::cast<gong::Columns &>(self).values.*column, self);
}

nb::tuple ranks(const gong::Columns &columns) {
    auto *found = new gong::Ranks;
    nb::capsule owner(found, [](void *p) noexcept { delete static_cast<gong::Ranks *>(p); });
    {
        nb::gil_scoped_release release;
        *found = columns.call_position.empty() ? ranks_of_operations(columns)
                                               : ranks_of_events(columns);
    }
    return nb::make_tuple(view(found->call, owner), view(found->return_, owner));
}

bool feed(gong::Reader &reader, const nb::bytes &data) {
    const char *begin = data.c_str();
    const std::size_t size = data.size();
    nb::gil_scoped_release release;
    return reader.feed(begin, size);
}

nb::list annotations(const gong::EventReader &reader) {
    nb::list found;
    for (const auto &[line, number] : reader.annotations)
        found.append(nb::make_tuple(number, nb::bytes(line.data(), line.size())));
    return found;
}

void bind_columns(nb::module_ &m) {
    using gong::Columns;
    using gong::Values;
    using gong::Word;
    nb::class_<Columns>(m, "Columns")
        .def("__len__", &Columns::size)
        .def_prop_ro("call_time", plain<std::int64_t, &Columns::call_time>)
        .def_prop_ro("return_time", plain<std::int64_t, &Columns::return_time>)
        .def_prop_ro("call_position", plain<std::int32_t, &Columns::call_position>)
        .def_prop_ro("return_position", plain<std::int32_t, &Columns::return_position>)
        .def_prop_ro("outcome", plain<std::uint8_t, &Columns::outcome>)
        .def_prop_ro("process", plain<Word, &Columns::process>)
        .def_prop_ro("f", plain<std::uint8_t, &Columns::f>)
        .def_prop_ro("value", plain<Word, &Columns::value>)
        .def_prop_ro("output", plain<Word, &Columns::output>)
        .def_prop_ro("line", plain<std::int32_t, &Columns::line>)
        .def_prop_ro("key", sparse<Word, &Columns::key>)
        .def_prop_ro("session", sparse<Word, &Columns::session>)
        .def_prop_ro("seq", sparse<std::int64_t, &Columns::seq>)
        .def_prop_ro("node", sparse<Word, &Columns::node>)
        .def_prop_ro("error", sparse<Word, &Columns::error>)
        .def_prop_ro("stamp", sparse<Word, &Columns::stamp>)
        .def_prop_ro("text_bytes",
                     [](nb::handle_t<Columns> self) {
                         auto &bytes = nb::cast<Columns &>(self).values.bytes;
                         return nb::bytes(bytes.data(), bytes.size());
                     })
        .def_prop_ro("text_ends", values<std::int64_t, &Values::ends>)
        .def_prop_ro("text_kinds", values<std::uint8_t, &Values::kinds>)
        .def_prop_ro("pairs", values<Word, &Values::pairs>)
        .def_ro("names", &Columns::names)
        .def_ro("position_count", &Columns::position_count)
        .def_ro("has_times", &Columns::has_times)
        .def_ro("has_ties", &Columns::has_ties)
        .def("ranks", &ranks);
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "Reads histories into columns; the types are in _native.pyi.";
    bind_columns(m);
    m.def("columns_of", &gong::columns_of, nb::arg("operations"), nb::arg("encode"), nb::arg("is_over"),
          nb::rv_policy::take_ownership);
    nb::class_<gong::Reader>(m, "Reader")
        .def("feed", &feed, nb::arg("data"))
        .def("rest",
             [](const gong::Reader &reader) {
                 return nb::bytes(reader.rest().data(), reader.rest().size());
             })
        .def("drop_rest", &gong::Reader::drop_rest)
        .def("finish", &gong::Reader::finish)
        .def_ro("line_number", &gong::Reader::line_number)
        .def("take_columns", [](gong::Reader &reader) {
            return new gong::Columns(std::move(reader.columns));
        }, nb::rv_policy::take_ownership);
    nb::class_<gong::EventReader, gong::Reader>(m, "EventReader")
        .def(nb::init<std::int64_t>(), nb::arg("lines_before"))
        .def("annotations", &annotations);
    nb::class_<gong::OperationReader, gong::Reader>(m, "OperationReader").def(nb::init<>());
}
