#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <memory>
#include <stdexcept>

#include "registers_search.hpp"

namespace nb = nanobind;

namespace {

using gong::Word;
using gong::registers::Answer;
using gong::registers::Clock;
using gong::registers::Finding;
using gong::registers::Kind;
using gong::registers::Operations;
using gong::registers::Searched;

template <typename T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// The columns as the engine takes them; they stay the caller's.
Operations operations_of(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                         std::int32_t point_count, const In<std::uint8_t> &outcomes,
                         const In<std::uint8_t> &names, const nb::bytes &kinds,
                         const nb::object &keys, const In<Word> &values, const In<Word> &outputs,
                         const In<Word> &pairs,
                         const In<std::uint8_t> &text_kinds, Word initial) {
    Operations in;
    in.size = calls.size();
    if (returns.size() != in.size || outcomes.size() != in.size || names.size() != in.size ||
        values.size() != in.size || outputs.size() != in.size)
        throw std::invalid_argument("columns differ in length");
    in.point_count = point_count;
    in.call = calls.data();
    in.return_ = returns.data();
    in.outcome = outcomes.data();
    in.f = names.data();
    for (std::size_t f = 0; f < kinds.size() && f < in.kinds.size(); ++f)
        in.kinds[f] = static_cast<Kind>(kinds.c_str()[f]);
    if (!keys.is_none()) {
        const auto column = nb::cast<In<Word>>(keys);
        if (column.size() != in.size) throw std::invalid_argument("columns differ in length");
        in.key = column.data();
    }
    in.value = values.data();
    in.output = outputs.data();
    in.pairs = pairs.data();
    in.text_kinds = text_kinds.data();
    in.initial = initial;
    return in;
}

nb::object judge(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                 std::int32_t point_count, const In<std::uint8_t> &outcomes,
                 const In<std::uint8_t> &names, const nb::bytes &kinds, const nb::object &keys,
                 const In<Word> &values, const In<Word> &outputs, const In<Word> &pairs,
                 const In<std::uint8_t> &text_kinds, Word initial, double seconds) {
    const Operations in = operations_of(calls, returns, point_count, outcomes, names, kinds, keys,
                                        values, outputs, pairs, text_kinds, initial);
    Finding *finding = nullptr;
    {
        nb::gil_scoped_release release;
        const auto deadline =
            seconds < 0 ? Clock::time_point::max()
                        : Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(seconds));
        finding = new Finding(gong::registers::judge(in, deadline));
        if (finding->answer == Answer::accepted) {
            const std::string flaw =
                gong::registers::flaw(in, finding->order.data(), finding->order.size());
            if (!flaw.empty()) {
                delete finding;
                throw std::logic_error("zones claim a linearization that is none: " + flaw);
            }
        }
    }
    return nb::cast(finding, nb::rv_policy::take_ownership);
}

std::string flaw(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                 std::int32_t point_count, const In<std::uint8_t> &outcomes,
                 const In<std::uint8_t> &names, const nb::bytes &kinds, const nb::object &keys,
                 const In<Word> &values, const In<Word> &outputs, const In<Word> &pairs,
                 const In<std::uint8_t> &text_kinds, Word initial, const In<std::int32_t> &order) {
    const Operations in = operations_of(calls, returns, point_count, outcomes, names, kinds, keys,
                                        values, outputs, pairs, text_kinds, initial);
    nb::gil_scoped_release release;
    return gong::registers::flaw(in, order.data(), order.size());
}

nb::object search(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                  std::int32_t point_count, const In<std::uint8_t> &outcomes,
                  const In<std::uint8_t> &names, const nb::bytes &kinds, const nb::object &keys,
                  const In<Word> &values, const In<Word> &outputs, const In<Word> &pairs,
                  const In<std::uint8_t> &text_kinds, Word initial, std::size_t configurations,
                  const nb::callable &poll) {
    const Operations in = operations_of(calls, returns, point_count, outcomes, names, kinds, keys,
                                        values, outputs, pairs, text_kinds, initial);
    const std::function<bool()> is_over = [&poll] {
        const nb::gil_scoped_acquire held;
        return nb::cast<bool>(poll());
    };
    std::unique_ptr<Searched> found;
    {
        nb::gil_scoped_release release;
        found = std::make_unique<Searched>(gong::registers::search(in, configurations, is_over));
        const std::string flaw =
            found->answer == Answer::accepted
                ? gong::registers::flaw(in, found->order.data(), found->order.size())
                : "";
        if (!flaw.empty())
            throw std::logic_error("the search claims a linearization that is none: " + flaw);
    }
    return nb::cast(found.release(), nb::rv_policy::take_ownership);
}

template <typename Found>
const char *answer(const Found &finding) {
    switch (finding.answer) {
    case Answer::accepted: return "accepted";
    case Answer::refuted: return "refuted";
    case Answer::declined: return "declined";
    case Answer::stopped: return "stopped";
    }
    return "";
}

template <typename Found>
nb::ndarray<nb::memview, std::int32_t, nb::ndim<1>> order(nb::handle_t<Found> self) {
    static std::int32_t nothing = 0;
    auto &found = nb::cast<Found &>(self).order;
    return {found.empty() ? &nothing : found.data(), {found.size()}, self};
}

}  // namespace

void bind_registers(nb::module_ &m) {
    nb::class_<Finding>(m, "RegistersFinding")
        .def_prop_ro("answer", &answer<Finding>)
        .def_ro("rule", &Finding::rule)
        .def_ro("operations", &Finding::operations)
        .def_prop_ro("order", &order<Finding>)
        .def_ro("objects", &Finding::objects)
        .def_ro("crashed", &Finding::crashed);
    m.def("judge_registers", &judge, nb::arg("calls"), nb::arg("returns"), nb::arg("point_count"),
          nb::arg("outcomes"), nb::arg("names"), nb::arg("kinds"), nb::arg("keys").none(),
          nb::arg("values"), nb::arg("outputs"), nb::arg("pairs"), nb::arg("text_kinds"),
          nb::arg("initial"),
          nb::arg("seconds"));
    nb::class_<Searched>(m, "RegistersSearched")
        .def_prop_ro("answer", &answer<Searched>)
        .def_prop_ro("order", &order<Searched>)
        .def_ro("objects", &Searched::objects)
        .def_ro("crashed", &Searched::crashed)
        .def_ro("operation", &Searched::operation)
        .def_ro("values", &Searched::values)
        .def_ro("beside", &Searched::beside);
    m.def("search_registers", &search, nb::arg("calls"), nb::arg("returns"), nb::arg("point_count"),
          nb::arg("outcomes"), nb::arg("names"), nb::arg("kinds"), nb::arg("keys").none(),
          nb::arg("values"), nb::arg("outputs"), nb::arg("pairs"), nb::arg("text_kinds"),
          nb::arg("initial"), nb::arg("configurations"), nb::arg("poll"));
    m.def("registers_flaw", &flaw, nb::arg("calls"), nb::arg("returns"), nb::arg("point_count"),
          nb::arg("outcomes"), nb::arg("names"), nb::arg("kinds"), nb::arg("keys").none(),
          nb::arg("values"), nb::arg("outputs"), nb::arg("pairs"), nb::arg("text_kinds"),
          nb::arg("initial"),
          nb::arg("order"));
}
